use super::*;

const GOOD: &str = r#"
        [[model]]
        name = "a"
        role = "voice"
        tier = "default"
        file = "a.onnx"
        licence = "MIT"
        size = 3
        sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        [[model.sources]]
        kind = "package"
        recipe = "copy"
        parts = [{ package = "p", version = "1.0", member = "p/a.onnx" }]
    "#;

fn message(text: &str) -> String {
    let message = Manifest::parse(text, "test").expect_err(text).to_string();
    assert!(!message.contains('\n'), "one line: {message}");
    message
}

#[test]
fn the_shipped_manifest_is_sound_and_complete() {
    let manifest = Manifest::shipped().unwrap();
    for arch in ["x86_64", "aarch64"] {
        for role in [Role::SpeechToText, Role::Language, Role::Voice, Role::VoiceActivity, Role::Runtime] {
            let mut entries = manifest.models.iter();
            assert!(
                entries.any(|m| m.role == role && m.tier == Tier::Default && m.is_for(arch)),
                "{arch} needs a default for {role}"
            );
        }
    }
    for entry in &manifest.models {
        let packaged = |source: &Source| matches!(source, Source::Package { .. });
        assert!(entry.sources.iter().any(packaged), "{} must not need the hub", entry.name);
    }
}

#[test]
fn broken_rules_are_named() {
    assert!(Manifest::parse(GOOD, "test").is_ok());
    for (from, to, what) in [
        ("size = 3", "size = 3\ncolour = 1", "unknown field"),
        ("kind = \"package\"", "kind = \"package\"\ncolour = 1", "unknown field"),
        ("member = ", "colour = 1, member = ", "unknown field"),
        ("size = 3", "size = 0", "at least 1 byte"),
        ("size = 3", "size = -1", "invalid"),
        ("sha256 = \"ba", "sha256 = \"BA", "64 lower-case"),
        ("sha256 = \"ba", "sha256 = \"", "64 lower-case"),
        ("file = \"a.onnx\"", "file = \"../a.onnx\"", "plain file name"),
        ("file = \"a.onnx\"", "file = \".hidden\"", "plain file name"),
        ("name = \"a\"", "name = \"a b\"", "a name is made of"),
        ("package = \"p\"", "package = \"--index-url=x\"", "bad name"),
        ("version = \"1.0\"", "version = \"1.0 x\"", "bad name"),
        ("member = \"p/a.onnx\"", "member = \"p/\"", "bad name"),
        ("recipe = \"copy\"", "recipe = \"ctranslate2-to-ggml\"", "mel and vocabulary"),
        ("recipe = \"copy\"", "recipe = \"bake\"", "unknown variant"),
        ("parts = [", "parts = [{ package = \"q\", version = \"1\", member = \"q/q\" }, ", "take one part"),
    ] {
        let changed = GOOD.replace(from, to);
        assert_ne!(changed, GOOD, "{from}");
        let found = message(&changed);
        assert!(found.contains(what), "{to}: {found}");
    }
    assert!(message(&GOOD.replace("size = 3", "size = 3\nx")).contains("test: line 9: "));
}

#[test]
fn doubles_are_refused_unless_the_architectures_differ() {
    let with_arch = |arch: &str| GOOD.replace("size = 3", &format!("size = 3\narch = \"{arch}\""));
    assert!(message(&format!("{GOOD}{GOOD}")).contains("listed twice"));
    let renamed = GOOD.replace("name = \"a\"", "name = \"b\"");
    assert!(message(&format!("{GOOD}{renamed}")).contains("two models"));
    let both = format!("{}{}", with_arch("x86_64"), with_arch("aarch64"));
    assert!(Manifest::parse(&both, "test").is_ok());
    assert!(message(&format!("{}{GOOD}", with_arch("x86_64"))).contains("listed twice"));
}

#[test]
fn an_overlay_adds_and_replaces() {
    let own = Manifest::parse(&GOOD.replace("name = \"a\"", "name = \"silero-vad\""), "own").unwrap();
    let shipped = Manifest::shipped().unwrap();
    let count = shipped.models.len();
    let merged = shipped.overlaid(own);
    assert_eq!(merged.models.len(), count);
    assert_eq!(merged.models.last().map(|entry| entry.file.as_str()), Some("a.onnx"));
}
