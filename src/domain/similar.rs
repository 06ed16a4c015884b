//! Finds the known name that is most similar to a misspelled name.

use strsim::damerau_levenshtein;

/// The known name with the smallest edit distance, ignoring case. The distance is at most three, and at most a third of
/// the name's length, rounded up.
pub fn closest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let name = name.to_ascii_lowercase();
    let distance = |known: &&str| damerau_levenshtein(&name, &known.to_ascii_lowercase());
    let is_close = |known: &&str| distance(known) <= known.len().div_ceil(3).min(3);
    known.into_iter().filter(is_close).min_by_key(distance)
}
