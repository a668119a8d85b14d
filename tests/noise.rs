//! The benchmark's mixing: the wanted ratio, the same every time, never clipped.

#[path = "bench/mixing.rs"]
mod mixing;

use mixing::{active_power, hash, mix};

fn tone(samples: usize, period: usize, level: f32) -> Vec<f32> {
    (0..samples).map(|n| level * (n as f32 / period as f32 * std::f32::consts::TAU).sin()).collect()
}

#[test]
fn pauses_do_not_count_as_speech() {
    let voice = tone(16_000, 100, 0.2);
    let paused = [&voice[..], &[0.0; 48_000], &voice[..]].concat();
    let (voice, paused) = (active_power(&voice), active_power(&paused));
    assert!((paused / voice - 1.0).abs() < 0.01, "{voice} {paused}");
    assert!(active_power(&[]).is_finite() && active_power(&[0.0; 100]) == 0.0);
}

#[test]
fn the_noise_is_as_far_below_as_said() {
    let (voice, noise) = (tone(32_000, 100, 0.1), tone(5_000, 37, 0.5));
    for snr in [24.0, 6.0] {
        let mixed = mix(&voice, &noise, 77_777, snr);
        let rest: Vec<f32> = mixed.iter().zip(&voice).map(|(mixed, voice)| mixed - voice).collect();
        let found = 10.0 * (active_power(&voice) / active_power(&rest)).log10();
        assert!((found - snr).abs() < 0.1, "{snr} {found}");
        assert_eq!(mixed, mix(&voice, &noise, 77_777, snr));
    }
}

#[test]
fn a_mix_never_clips() {
    let mixed = mix(&tone(16_000, 100, 0.9), &tone(16_000, 37, 0.9), 0, 0.0);
    assert!(mixed.iter().all(|sample| sample.abs() <= 0.99));
}

#[test]
fn hashes_are_the_same_on_every_machine_and_spread() {
    assert_eq!(hash("a.flac"), hash("a.flac"));
    let even = (0..1000).filter(|n| hash(&format!("{n}.flac")).is_multiple_of(2)).count();
    assert!((450..550).contains(&even), "{even}");
}
