//! Comparison of strings that RFC 7643 calls caseExact false.

use icu_casemap::CaseMapper;
use icu_normalizer::ComposingNormalizer;

/// NFC(casefold(NFC(x))) with full Unicode case folding: two strings are equal without case when their folds
/// are the same bytes. The tables are pinned in Cargo.toml, because folds are stored as keys.
#[must_use]
pub fn fold(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let nfc = ComposingNormalizer::new_nfc();
    let folded = CaseMapper::new().fold_string(&nfc.normalize(text)).into_owned();
    nfc.normalize(&folded).into_owned()
}

#[cfg(test)]
mod tests {
    use super::fold;
    use proptest::prelude::*;

    #[test]
    fn folds_fully_and_composes() {
        assert_eq!(fold("STRASSE"), fold("Straße"));
        assert_eq!(fold("ΜΆΪΟΣ"), fold("μάϊος"));
        assert_eq!(fold("e\u{301}"), "\u{e9}");
        assert_eq!(fold("E\u{301}"), "\u{e9}");
        assert_eq!(fold("ﬀ"), "ff");
        assert_ne!(fold("ı"), fold("i"));
    }

    /// The folding of a few characters that moved between Unicode versions: a bump of the tables must be seen.
    #[test]
    fn tables_are_the_pinned_ones() {
        assert_eq!(fold("\u{1C89}"), "\u{1C8A}", "Unicode 16");
        assert_eq!(fold("\u{13A0}"), "\u{13A0}", "Cherokee folds to upper case");
        assert_eq!(fold("\u{AB70}"), "\u{13A0}");
    }

    proptest! {
        #[test]
        fn is_idempotent(text in any::<String>()) {
            let once = fold(&text);
            prop_assert_eq!(fold(&once), once);
        }

        #[test]
        fn ignores_case_and_composition(text in any::<String>()) {
            let nfd = icu_normalizer::DecomposingNormalizer::new_nfd();
            prop_assert_eq!(fold(&nfd.normalize(&text)), fold(&text));
        }

        #[test]
        fn ascii_takes_the_short_way_to_the_same_key(text in "[ -~]*") {
            let long = icu_casemap::CaseMapper::new().fold_string(&text).into_owned();
            prop_assert_eq!(fold(&text), long);
        }
    }
}
