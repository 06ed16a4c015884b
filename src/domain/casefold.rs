//! Case folding, for strings whose caseExact is false (RFC 7643, section 7).

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizer;

/// NFC(casefold(NFC(x))), with full Unicode case folding. Strings that differ only in case have equal results. The
/// Unicode tables are pinned in Cargo.toml, because the results are stored as keys.
#[must_use]
pub fn casefold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let nfc = ComposingNormalizer::new_nfc();
    let folded = CaseMapper::new().fold_string(&nfc.normalize(text)).into_owned();
    nfc.normalize(&folded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::casefold;
    use proptest::prelude::*;

    #[test]
    fn folding_is_full_and_composes() {
        assert_eq!(casefold("STRASSE"), casefold("Straße"));
        assert_eq!(casefold("ΜΆΪΟΣ"), casefold("μάϊος"));
        assert_eq!(casefold("e\u{301}"), "\u{e9}");
        assert_eq!(casefold("E\u{301}"), "\u{e9}");
        assert_eq!(casefold("ﬀ"), "ff");
        assert_ne!(casefold("ı"), casefold("i"));
    }

    /// These characters fold differently in other Unicode versions, so the test fails if the tables are updated.
    #[test]
    fn unicode_tables_have_the_pinned_version() {
        assert_eq!(casefold("\u{1C89}"), "\u{1C8A}", "Unicode 16");
        assert_eq!(casefold("\u{13A0}"), "\u{13A0}", "Cherokee folds to upper case");
        assert_eq!(casefold("\u{AB70}"), "\u{13A0}");
    }

    proptest! {
        #[test]
        fn folding_is_idempotent(text in any::<String>()) {
            let once = casefold(&text);
            prop_assert_eq!(casefold(&once), once);
        }

        #[test]
        fn folding_ignores_case_and_composition(text in any::<String>()) {
            let nfd = icu_normalizer::DecomposingNormalizer::new_nfd();
            prop_assert_eq!(casefold(&nfd.normalize(&text)), casefold(&text));
        }

        #[test]
        fn the_ascii_shortcut_gives_the_same_result(text in "[ -~]*") {
            let long = icu_casemap::CaseMapper::new().fold_string(&text).into_owned();
            prop_assert_eq!(casefold(&text), long);
        }
    }
}
