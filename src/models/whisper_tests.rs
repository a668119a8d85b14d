use super::*;
use proptest::prelude::*;
use std::io::Cursor;

/// A whisper model of one block a side, 2 wide, in `CTranslate2`'s format. Values count up
/// from 0 within each tensor, so that a slice can be told from another.
struct Tiny {
    bytes: Vec<u8>,
    count: u32,
}

impl Tiny {
    fn model() -> Vec<u8> {
        let mut tiny = Self { bytes: Vec::new(), count: 0 };
        for side in ["encoder", "decoder"] {
            tiny.tensor(&format!("{side}/position_encodings/encodings"), &[3, 2]);
            tiny.variable(&format!("{side}/num_heads"), &[], 2, &1_i16.to_le_bytes());
            tiny.tensor(&format!("{side}/layer_norm/gamma"), &[2]);
            tiny.tensor(&format!("{side}/layer_norm/beta"), &[2]);
            let block = format!("{side}/layer_0");
            tiny.layer(&format!("{block}/ffn"), &[(8, 2), (2, 8)]);
            tiny.layer(&format!("{block}/self_attention"), &[(6, 2), (2, 2)]);
            if side == "decoder" {
                tiny.layer(&format!("{block}/attention"), &[(2, 2), (4, 2), (2, 2)]);
            }
        }
        tiny.tensor("decoder/embeddings/weight", &[5, 2]);
        for (conv, mels) in [("conv1", 4), ("conv2", 2)] {
            tiny.tensor(&format!("encoder/{conv}/weight"), &[2, mels, 3]);
            tiny.tensor(&format!("encoder/{conv}/bias"), &[2]);
        }
        let mut file = 6_u32.to_le_bytes().to_vec();
        file.extend(b"\x0c\0WhisperSpec\0");
        file.extend(3_u32.to_le_bytes());
        file.extend(tiny.count.to_le_bytes());
        file.extend(tiny.bytes);
        file.extend(0_u32.to_le_bytes());
        file
    }

    fn layer(&mut self, name: &str, linears: &[(u32, u32)]) {
        self.tensor(&format!("{name}/layer_norm/gamma"), &[2]);
        self.tensor(&format!("{name}/layer_norm/beta"), &[2]);
        for (index, (rows, columns)) in linears.iter().enumerate() {
            self.tensor(&format!("{name}/linear_{index}/weight"), &[*rows, *columns]);
            self.tensor(&format!("{name}/linear_{index}/bias"), &[*rows]);
        }
    }

    fn tensor(&mut self, name: &str, dims: &[u32]) {
        let count = dims.iter().product::<u32>() as usize;
        let values = (0_u16..).take(count).map(|value| half::f16::from_f32(f32::from(value)));
        let values: Vec<u8> = values.flat_map(half::f16::to_le_bytes).collect();
        self.variable(name, dims, 4, &values);
    }

    fn variable(&mut self, name: &str, dims: &[u32], kind: u8, values: &[u8]) {
        self.count += 1;
        self.bytes.extend(u16::try_from(name.len() + 1).unwrap().to_le_bytes());
        self.bytes.extend(name.as_bytes());
        self.bytes.extend([0, u8::try_from(dims.len()).unwrap()]);
        self.bytes.extend(dims.iter().flat_map(|dim| dim.to_le_bytes()));
        self.bytes.push(kind);
        self.bytes.extend(u32::try_from(values.len()).unwrap().to_le_bytes());
        self.bytes.extend(values);
    }
}

fn mel() -> Vec<u8> {
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (4, 3), }";
    let mut array = b"\x93NUMPY\x01\x00".to_vec();
    array.extend(u16::try_from(header.len()).unwrap().to_le_bytes());
    array.extend(header.as_bytes());
    array.extend((0..12).flat_map(|value: i8| (-f32::from(value)).to_le_bytes()));
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    archive.start_file("mel_4.npy", zip::write::SimpleFileOptions::default()).unwrap();
    archive.write_all(&array).unwrap();
    archive.finish().unwrap().into_inner()
}

const TOKENS: &[u8] = b"YQ== 0\nYmM= 1\n= 2\n";

fn run(model: &[u8], mel: &[u8], tokens: &[u8]) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    match convert(&mut Cursor::new(model), mel, tokens, &mut out, |_| ()) {
        Ok(()) => Ok(out),
        Err(error) => Err(error.to_string()),
    }
}

/// Values of one tensor of a converted file: its type, dimensions and bytes.
fn tensor<'a>(file: &'a [u8], name: &str) -> (u32, Vec<u32>, &'a [u8]) {
    let at = file.windows(name.len()).position(|window| window == name.as_bytes()).unwrap();
    let number = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let rank = (1..4).find(|rank| number(at - 4 * rank - 8) as usize == name.len()).unwrap();
    let dims: Vec<_> = (0..rank).map(|index| number(at - 4 * rank + 4 * index)).collect();
    let kind = number(at - 4 * rank - 4);
    let width = if kind == 1 { 2 } else { 4 };
    let start = at + name.len();
    let length = dims.iter().product::<u32>() as usize * width;
    (kind, dims, &file[start..start + length])
}

fn halves(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks::<2>().0.iter().map(|pair| half::f16::from_le_bytes(*pair).to_f32()).collect()
}

#[test]
fn stacked_layers_are_taken_apart() {
    let file = run(&Tiny::model(), &mel(), TOKENS).unwrap();
    assert_eq!(file[..8], [0x6c, 0x6d, 0x67, 0x67, 5, 0, 0, 0]);

    let (kind, dims, values) = tensor(&file, "encoder.blocks.0.attn.key.weight");
    assert_eq!((kind, dims, halves(values)), (1, vec![2, 2], vec![4., 5., 6., 7.]));
    let (_, _, values) = tensor(&file, "decoder.blocks.0.cross_attn.value.weight");
    assert_eq!(halves(values), [4., 5., 6., 7.]);
    let (kind, dims, values) = tensor(&file, "encoder.blocks.0.attn.value.bias");
    assert_eq!((kind, dims), (0, vec![2]));
    assert_eq!(values, [4_f32.to_le_bytes(), 5_f32.to_le_bytes()].concat());
    assert!(!file.windows(8).any(|window| window == b"key.bias"));

    let (kind, dims, _) = tensor(&file, "encoder.conv1.weight");
    assert_eq!((kind, dims), (1, vec![3, 4, 2]));
    let (kind, dims, _) = tensor(&file, "encoder.conv1.bias");
    assert_eq!((kind, dims), (0, vec![1, 2]));
    let (kind, dims, _) = tensor(&file, "encoder.positional_embedding");
    assert_eq!((kind, dims), (0, vec![2, 3]));
}

#[test]
fn minus_zero_of_the_mel_filters_becomes_zero() {
    let file = run(&Tiny::model(), &mel(), TOKENS).unwrap();
    // After 12 numbers of header come rows, columns, values.
    assert_eq!(file[48..60], [4, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(file[60..64], (-1_f32).to_le_bytes());
}

#[test]
fn bad_side_files_are_named() {
    let model = Tiny::model();
    for (mel, tokens, why) in [
        (b"junk".to_vec(), TOKENS, "mel filters: "),
        (mel(), &b"YQ== 1\n"[..], "token list: line 1: out of order"),
        (mel(), b"YQ==\n", "token list: line 1: no rank"),
        (mel(), b"*** 0\n", "token list: line 1: not base64"),
        (mel(), b"\xff\xff 0\n", "token list: line 1: "),
        (mel(), b"YQ== 0\nYQ== 1\nYQ== 2\nYQ== 3\nYQ== 4\n", "5 tokens for a model of 5"),
    ] {
        let message = run(&model, &mel, tokens).unwrap_err();
        assert!(message.contains(why) && !message.contains('\n'), "{message}");
    }
}

#[test]
fn every_truncation_is_an_error() {
    let model = Tiny::model();
    // The last 4 bytes count the aliases, which are not needed.
    for length in 0..model.len() - 4 {
        assert!(run(&model[..length], &mel(), TOKENS).is_err(), "{length} bytes");
    }
}

#[test]
fn lengths_beyond_the_file_are_refused() {
    let mut model = Tiny::model();
    let count = model.len();
    // The number of variables, then the byte length of the first one.
    for at in [22, 22 + 4 + 2 + 38 + 1 + 8 + 1] {
        let saved = model.clone();
        model[at..at + 4].fill(0xff);
        assert!(run(&model, &mel(), TOKENS).is_err(), "byte {at} of {count}");
        model = saved;
    }
}

proptest! {
    #[test]
    fn no_garbage_makes_it_panic(garbage in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(run(&garbage, &garbage, &garbage).is_err());
        let _ = run(&Tiny::model(), &garbage, &garbage);
    }

    #[test]
    fn no_changed_byte_makes_it_panic(at in any::<prop::sample::Index>(), value in any::<u8>()) {
        let mut model = Tiny::model();
        let at = at.index(model.len());
        model[at] = value;
        let _ = run(&model, &mel(), TOKENS);
    }
}
