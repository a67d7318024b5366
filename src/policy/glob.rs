//! Matching with jokers, for path segments and for characters alike. Never takes more than length times length steps.

/// Whether a pattern covers all of the items. `many` tells which part of a pattern stands for any number of items, `one`
/// whether a part stands for this item.
pub(super) fn covers<P, T>(
    pattern: &[P],
    items: &[T],
    many: impl Fn(&P) -> bool,
    one: impl Fn(&P, &T) -> bool,
) -> bool {
    let (mut part, mut item) = (0, 0);
    // The part after the last joker, and the first item that this joker has not swallowed.
    let mut resume: Option<(usize, usize)> = None;
    loop {
        match (pattern.get(part), items.get(item)) {
            (None, None) => return true,
            (Some(joker), _) if many(joker) => {
                part += 1;
                resume = Some((part, item));
            }
            (Some(this), Some(that)) if one(this, that) => {
                part += 1;
                item += 1;
            }
            _ => match resume {
                Some((after, swallowed)) if swallowed < items.len() => {
                    part = after;
                    item = swallowed + 1;
                    resume = Some((after, item));
                }
                _ => return false,
            },
        }
    }
}
