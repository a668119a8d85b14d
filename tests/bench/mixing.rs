//! Speech mixed with noise at a given ratio, the same way every time: which
//! noise and where in it follows from the clip's name.

/// Samples of the frames whose powers are compared: 20 ms at 16 kHz.
const FRAME: usize = 320;
/// Frames this much weaker than the active speech are pauses in it (ITU-T P.56).
const MARGIN: f64 = 38.9; // 15.9 dB as a ratio of powers
/// Loudest sample of a mix.
const PEAK: f32 = 0.99;

/// A number that depends on every byte of `name` and is the same on every
/// machine (FNV-1a, its bits stirred as in MurmurHash3).
pub fn hash(name: &str) -> u64 {
    let fnv = name
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3));
    let stirred = (fnv ^ (fnv >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let stirred = (stirred ^ (stirred >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    stirred ^ (stirred >> 33)
}

/// Mean power of the speech without its pauses: of the frames within 15.9 dB of
/// that mean itself.
pub fn active_power(speech: &[f32]) -> f64 {
    let frames: Vec<f64> = speech.chunks(FRAME).map(power).collect();
    let mut level = frames.iter().sum::<f64>() / frames.len().max(1) as f64;
    for _ in 0..20 {
        let active: Vec<f64> = frames.iter().copied().filter(|frame| frame * MARGIN >= level).collect();
        let next = active.iter().sum::<f64>() / active.len().max(1) as f64;
        if (next - level).abs() < level * 1e-6 {
            break;
        }
        level = next;
    }
    level
}

/// `speech` with a stretch of `noise`, which begins where `place` says and
/// repeats if it must, `snr_db` below the speech's active power. The whole is
/// made quieter where it would clip.
pub fn mix(speech: &[f32], noise: &[f32], place: u64, snr_db: f64) -> Vec<f32> {
    let start = usize::try_from(place % noise.len().max(1) as u64).unwrap_or(0);
    let stretch: Vec<f32> = noise.iter().copied().cycle().skip(start).take(speech.len()).collect();
    let wanted = active_power(speech) / 10_f64.powf(snr_db / 10.0);
    let gain = (wanted / power(&stretch).max(1e-12)).sqrt() as f32;
    let mut mixed: Vec<f32> =
        speech.iter().zip(&stretch).map(|(speech, noise)| speech + gain * noise).collect();
    let peak = mixed.iter().fold(0.0_f32, |peak, sample| peak.max(sample.abs()));
    if peak > PEAK {
        mixed.iter_mut().for_each(|sample| *sample *= PEAK / peak);
    }
    mixed
}

fn power(samples: &[f32]) -> f64 {
    samples.iter().map(|s| f64::from(*s) * f64::from(*s)).sum::<f64>() / samples.len().max(1) as f64
}
