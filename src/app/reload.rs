//! Another configuration while the proxy runs: all of it is built and bound first, and then it holds, or none of it does.
//! Requests under way end with what they began with. Never opens a second time what is open already.

use std::sync::Arc;
use std::time::SystemTime;

use super::{Running, StartError, build, listeners};
use crate::admin::Admin;
use crate::authority::Authority;
use crate::config::{AuthorityPlace, Faults, Resolved};
use crate::proxy::Proxy;
use crate::server::Change;
use crate::state::Keeper;
use crate::{telemetry, upstream};

/// All that another configuration needs, and nothing of it in use.
struct Prepared {
    proxy: Arc<Proxy>,
    admin: Admin,
    keeper: Keeper,
    authority: Option<Arc<Authority>>,
    authority_place: AuthorityPlace,
    change: Change,
    listeners: listeners::Plan,
    upstream: upstream::Settings,
    telemetry: telemetry::Settings,
    drain: super::Drain,
}

impl Running {
    /// Takes another configuration into use.
    ///
    /// # Errors
    ///
    /// What is wrong with it. It is refused whole then, and everything goes on as it was; [`refused`](Self::refused) tells
    /// the world.
    pub async fn reload(&mut self, resolved: Resolved) -> Result<(), StartError> {
        let prepared = self.prepare(resolved)?;
        self.change_over(prepared).await;
        Ok(())
    }

    /// Tells that another configuration was refused, and for what.
    pub fn refused(&self, faults: Vec<String>) {
        for fault in &faults {
            tracing::error!("{fault}");
        }
        tracing::error!(
            faults = faults.len(),
            "the new configuration is refused; the one before stays in force"
        );
        self.metrics.configuration_refused();
        self.health.set_refused(SystemTime::now(), faults);
    }

    /// The same, with the faults of its reading.
    pub fn refused_for(&self, faults: &Faults) {
        self.refused(faults.faults.iter().map(ToString::to_string).collect());
    }

    fn prepare(&self, resolved: Resolved) -> Result<Prepared, StartError> {
        let before = self.present.load();
        let authority = if resolved.authority == self.authority_place {
            self.authority.clone()
        } else {
            build::authority(&resolved.authority)?
        };
        let keeper = match &self.keeper {
            Keeper::Memory => build::directory(&resolved.proxy, resolved.state)?,
            open => open.clone(),
        };
        let listeners = listeners::plan(
            &resolved.server,
            &resolved.optional_listeners,
            Some(&self.serving),
            self.next_number,
            &self.metrics,
        )?;
        let names = build::names(&resolved.proxy);
        // Those that are about to be left have connections as well.
        let mut left = self.serving.left();
        left.extend(&listeners.leave);
        let proxy = before.next(resolved.proxy, &listeners.numbers, &left, &keeper)?;
        let admin = self.admin_pages.load();
        let sight = build::sight(&proxy);
        let (logins, are_kept) = (proxy.logins(), keeper.outlives());
        let admin = admin.next(&resolved.admin, logins, are_kept, names, sight);
        let drain = super::Drain::of(&resolved.server);
        let mut listeners = listeners;
        let openings = std::mem::take(&mut listeners.openings);
        let change = self
            .serving
            .prepare(resolved.server, openings, authority.clone())?;
        Ok(Prepared {
            admin: admin.map_err(|error| StartError::Process(error.to_string()))?,
            proxy,
            keeper,
            authority,
            authority_place: resolved.authority,
            change,
            listeners,
            upstream: resolved.upstream,
            telemetry: resolved.telemetry,
            drain,
        })
    }

    async fn change_over(&mut self, prepared: Prepared) {
        let Prepared {
            proxy, listeners, ..
        } = prepared;
        telemetry::configure(&prepared.telemetry);
        // First, so that no new listener is called by ourselves.
        let own = build::own_addresses(&listeners.addresses, self.admin);
        self.upstream.own_addresses(own);
        let before = self.present.swap(Arc::clone(&proxy));
        proxy.take_over();
        self.admin_pages.store(Arc::new(prepared.admin));
        self.serving.change(prepared.change, &listeners.leave).await;
        self.upstream.adjust(&prepared.upstream);
        self.log_listeners(&listeners.addresses);
        self.addresses = listeners.addresses;
        self.next_number = listeners.next_number;
        self.keeper = prepared.keeper;
        self.authority = prepared.authority;
        self.authority_place = prepared.authority_place;
        self.drain = prepared.drain;
        self.metrics.configuration_loaded(SystemTime::now());
        self.health.set_accepted();
        self.tasks.retain(|task| !task.is_finished());
        self.tasks
            .push(tokio::spawn(greet(proxy, before, Arc::clone(&self.health))));
    }

    fn log_listeners(&self, addresses: &[crate::server::Address]) {
        for address in addresses {
            if !self.addresses.contains(address) {
                tracing::info!(%address, "listening");
            }
        }
        for address in &self.addresses {
            if !addresses.contains(address) {
                tracing::info!(%address, "listening no more");
                let label = address.to_string();
                let connections = &self.metrics.connections;
                let _absent = connections.remove_label_values(&[label.as_str()]);
            }
        }
    }
}

/// New tenants get their token now, as at a start.
async fn greet(proxy: Arc<Proxy>, before: Arc<Proxy>, health: Arc<crate::admin::Health>) {
    proxy
        .warm_up_beyond(&before, |tenant, outcome| match outcome {
            Ok(()) => health.set_had_token(),
            Err(unavailable) => super::log_no_token(tenant, &unavailable),
        })
        .await;
}
