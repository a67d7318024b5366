//! Which listeners of a configuration are served already, which are to be bound, and which are left. A listener is the same
//! if its address and its TLS are, wherever it stands in the configuration.

use super::build;
use crate::metrics::Metrics;
use crate::server::{self, Address, BindError, Opening, Served, Serving};

/// What becomes of the listeners of a configuration.
pub(super) struct Plan {
    /// The number of each listener of the settings, in their order.
    pub(super) numbers: Vec<usize>,
    /// The address of each that is there, in the same order.
    pub(super) addresses: Vec<Address>,
    /// To be served from now on.
    pub(super) openings: Vec<Opening>,
    /// The numbers of those that are served no more.
    pub(super) leave: Vec<usize>,
    /// The first number that none of them has.
    pub(super) next_number: usize,
}

/// Binds what is not bound yet. `serving` is what is served already.
pub(super) fn plan(
    settings: &server::Settings,
    optional: &[usize],
    serving: Option<&Serving>,
    first_number: usize,
    metrics: &Metrics,
) -> Result<Plan, BindError> {
    let served = serving.map(Serving::served).unwrap_or_default();
    let (kept, mut free) = keep(settings, served);
    let mut plan = Plan {
        numbers: Vec::new(),
        addresses: Vec::new(),
        openings: Vec::new(),
        leave: free.iter().map(|served| served.number).collect(),
        next_number: first_number,
    };
    let wanted = settings.listeners.iter().zip(kept).enumerate();
    for (index, (address, kept)) in wanted {
        if let Some(kept) = kept {
            plan.numbers.push(kept.number);
            plan.addresses.push(kept.address);
            continue;
        }
        let number = plan.next_number;
        plan.next_number += 1;
        plan.numbers.push(number);
        // The same address in clear instead of TLS, or the other way round: the socket stays, so that nobody is turned away.
        let here = free.iter().position(|served| served.configured == *address);
        let here = here.map(|place| free.swap_remove(place));
        let again = here.and_then(|served| serving?.socket(number, served.number));
        let bound = match again {
            Some(bound) => Some(bound),
            None => build::bind(address, number, optional.contains(&index))?,
        };
        let Some(bound) = bound else { continue };
        plan.addresses.push(bound.address().clone());
        plan.openings.push(Opening {
            secure: settings.tls_listeners.contains(&index),
            gauge: gauge(metrics, bound.address()),
            bound,
        });
    }
    Ok(plan)
}

/// For each listener of the settings the one that is served as it, and those that are left over.
fn keep(
    settings: &server::Settings,
    mut served: Vec<Served>,
) -> (Vec<Option<Served>>, Vec<Served>) {
    let wanted = settings.listeners.iter().enumerate();
    let kept = wanted.map(|(index, address)| {
        let secure = settings.tls_listeners.contains(&index);
        let is_it = |known: &Served| known.configured == *address && known.secure == secure;
        let place = served.iter().position(is_it)?;
        Some(served.remove(place))
    });
    let kept = kept.collect();
    (kept, served)
}

fn gauge(metrics: &Metrics, address: &Address) -> prometheus::IntGauge {
    let label = address.to_string();
    metrics.connections.with_label_values(&[label.as_str()])
}
