//! Finds the name that a misspelled one resembles.

use strsim::damerau_levenshtein;

/// The known name with the fewest typing errors, ignoring case: at most three, and at most a third of its length.
pub fn closest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let name = name.to_ascii_lowercase();
    let distance = |known: &&str| damerau_levenshtein(&name, &known.to_ascii_lowercase());
    let is_close = |known: &&str| distance(known) <= known.len().div_ceil(3).min(3);
    known.into_iter().filter(is_close).min_by_key(distance)
}
