//! Small drawings: how long calls took, with one bar for each bucket of the histogram, and what is left of a token's life. Each
//! has its words beside it or in it, for whoever cannot see it.

use super::model::Latency;
use super::words::milliseconds;
use crate::admin::page::Markup;

const BAR_WIDTH: u64 = 6;
const GAP: u64 = 2;
const HEIGHT: u64 = 24;
/// So low a bar still shows that there was something.
const BAR_LOWEST: u64 = 2;

/// How wide a whole life is drawn.
const LIFE_WIDTH: u64 = 112;
const LIFE_HEIGHT: u64 = 8;

/// What is left of a token's life; the words stand beside it.
pub(super) fn life(content: Markup, left: u64, whole: u64) -> Markup {
    let left = LIFE_WIDTH.saturating_mul(left) / whole.max(1);
    let bar = |content: Markup, class, width| {
        content
            .raw("<rect class=\"")
            .raw(class)
            .raw("\" width=\"")
            .number(width)
            .raw("\" height=\"")
            .number(LIFE_HEIGHT)
            .raw("\" rx=\"4\" fill=\"currentColor\"/>")
    };
    let content = content
        .raw("<svg class=\"sketch\" aria-hidden=\"true\" width=\"")
        .number(LIFE_WIDTH)
        .raw("\" height=\"")
        .number(LIFE_HEIGHT)
        .raw("\">");
    let content = bar(content, "none", LIFE_WIDTH);
    bar(content, "some", left.min(LIFE_WIDTH)).raw("</svg>")
}

/// How long calls took; nothing without calls.
pub(super) fn latency(content: Markup, latency: &Latency) -> Markup {
    let bars = bars(latency);
    let Some(tallest) = bars.iter().copied().max().filter(|tallest| *tallest > 0) else {
        return content;
    };
    let width = u64::try_from(bars.len()).unwrap_or_default() * (BAR_WIDTH + GAP) - GAP;
    let content = content
        .raw("<svg class=\"sketch\" role=\"img\" width=\"")
        .number(width)
        .raw("\" height=\"")
        .number(HEIGHT)
        .raw("\" viewBox=\"0 0 ")
        .number(width)
        .raw(" ")
        .number(HEIGHT)
        .raw("\" aria-label=\"Half within ")
        .text(&milliseconds(latency.p50_ms))
        .raw(", nine of ten within ")
        .text(&milliseconds(latency.p90_ms))
        .raw("\">");
    let places = (0..).step_by(usize::try_from(BAR_WIDTH + GAP).unwrap_or(1));
    content
        .each(places.zip(bars), |content, (place, count)| {
            let height = if count == 0 {
                0
            } else {
                (count.saturating_mul(HEIGHT) / tallest).max(BAR_LOWEST)
            };
            // What is empty leaves a line at the bottom.
            let (class, height) = match height {
                0 => ("none", 1),
                height => ("some", height),
            };
            content
                .raw("<rect class=\"")
                .raw(class)
                .raw("\" x=\"")
                .number(place)
                .raw("\" y=\"")
                .number(HEIGHT - height)
                .raw("\" width=\"")
                .number(BAR_WIDTH)
                .raw("\" height=\"")
                .number(height)
                .raw("\" fill=\"currentColor\"/>")
        })
        .raw("</svg>")
}

/// How many calls fell into each bucket, and behind the last one how many took longer.
fn bars(latency: &Latency) -> Vec<u64> {
    let mut below = 0;
    let mut bars: Vec<_> = latency
        .buckets
        .iter()
        .map(|bucket| {
            let count = bucket.count.saturating_sub(below);
            below = bucket.count;
            count
        })
        .collect();
    bars.push(latency.count.saturating_sub(below));
    bars
}
