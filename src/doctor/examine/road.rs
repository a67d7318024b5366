//! The way to one host: egress proxy, name, connection, TLS. Walked with nothing sent.

use std::net::IpAddr;

use super::super::certificate::Presented;
use super::super::way::{self, Egress};
use super::super::{Finding, Settings, tls};
use crate::upstream::{Destination, NameError, Trust, Upstream};

/// A name that is known wherever names of the Internet are: asked for only where another is not.
const CONTROL: &str = "login.salesforce.com";

/// How hosts are reached.
pub(super) struct Road<'a> {
    pub(super) settings: &'a Settings,
    pub(super) upstream: &'a Upstream,
    pub(super) trust: &'a Trust,
}

impl Road<'_> {
    pub(super) fn egress(&self, destination: &Destination) -> Egress {
        Egress::of(
            self.upstream.egress_proxy(destination),
            destination.host(),
            &self.settings.upstream.proxy,
            &self.settings.environment,
        )
    }

    /// Tells a finding for each of the four steps, up to the first that fails.
    pub(super) async fn walk(
        &self,
        destination: &Destination,
        tell: &mut (dyn FnMut(Finding) + Send),
    ) {
        let egress = self.egress(destination);
        let host = destination.host();
        tell(egress.finding(destination.authority().to_str().unwrap_or(host)));
        let addresses = match self.addresses(host, &egress).await {
            Ok((addresses, finding)) => {
                tell(finding);
                addresses
            }
            Err(finding) => return tell(finding),
        };
        let reached = match self.upstream.reach(destination, &addresses).await {
            Ok(reached) => reached,
            Err(error) => return tell(way::connection(host, &error, &egress)),
        };
        let peer = reached.peer().map(|peer| peer.to_string());
        let peer = peer.unwrap_or_else(|| host.to_owned());
        tell(Finding::ok(match &egress {
            Egress::Through(proxy) => format!("{proxy} has opened a way to {host}"),
            _ => format!("{peer} takes connections"),
        }));
        let shaking = self.upstream.shake_hands(reached, destination, self.trust);
        let Some(shaken) = shaking.await else {
            return tell(Finding::left_out("http to this machine, without TLS"));
        };
        let presented = Presented::read(&shaken.chain);
        tell(tls::judge(
            host,
            shaken.version,
            presented.as_ref(),
            shaken.failure.as_ref(),
        ));
    }

    /// A host's addresses, as far as they are ours to know.
    async fn addresses(
        &self,
        host: &str,
        egress: &Egress,
    ) -> Result<(Vec<IpAddr>, Finding), Finding> {
        if let Egress::Through(proxy) = egress {
            let why = format!("{proxy} looks the name up itself");
            return Ok((Vec::new(), Finding::left_out(why)));
        }
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = bare.parse() {
            let why = format!("{host} is an address already");
            return Ok((vec![address], Finding::left_out(why)));
        }
        match self.upstream.look_up(host).await {
            Ok(addresses) => {
                let finding = Finding::ok(format!("{host} is {}", way::listed(&addresses)));
                Ok((addresses, finding))
            }
            Err(error) => Err(self.unknown(host, &error, egress).await),
        }
    }

    async fn unknown(&self, host: &str, error: &NameError, egress: &Egress) -> Finding {
        let others_resolve = self.upstream.look_up(CONTROL).await.is_ok();
        way::names(host, error, others_resolve, egress)
    }
}
