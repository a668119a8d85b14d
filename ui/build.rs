//! Compiles the screens of `ui` into the program, with their languages.

use slint_build::{CompilerConfiguration, DefaultTranslationContext, EmbedResourcesKind};

fn main() -> Result<(), slint_build::CompileError> {
    let config = CompilerConfiguration::new()
        .with_style("fluent".into())
        .embed_resources(EmbedResourcesKind::EmbedFiles)
        // One word has one translation, whatever page it stands on.
        .with_default_translation_context(DefaultTranslationContext::None)
        .with_bundled_translations("lang")
        // Tests find elements by their place in these files.
        .with_debug_info(true);
    slint_build::compile_with_config("app_window.slint", config)
}
