//! One tenant's accounts: which may be selected, by name or member id, and the token cell of each.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;

use super::printable;
use crate::login;
use crate::policy::Mode;
use crate::proxy::TenantSettings;
use crate::proxy::error::{Code, ProxyError};
use crate::proxy::vendor::VendorHost;
use crate::token::{
    Account, Endpoint, GrantType, InstanceLock, Kind, Labels, Mid, MintError, TokenStore,
};

/// How metrics and logs call an account that has no label of its own.
const OTHER: &str = "other";
/// Accounts without a name that a process admits under `allow_any_account`.
pub(in crate::proxy) const UNNAMED_MAX: usize = 100;
/// Accounts of one tenant that metrics tell apart, the first by name; all others are `other`, so that the number of series does
/// not grow with the accounts.
const LABELS_MAX: usize = 500;
/// For so long a member id that the token endpoint refused is not tried again.
const REFUSED_FOR: Duration = Duration::from_secs(600);
const REFUSED_MAX: usize = 1000;

/// One account of one tenant, ready to be used.
pub(in crate::proxy) struct Selected {
    pub(in crate::proxy) token: Arc<Account>,
    /// The values of `Sfmc-Tenant` and `Sfmc-Account` in answers.
    pub(in crate::proxy) tenant_header: HeaderValue,
    pub(in crate::proxy) account_header: Option<HeaderValue>,
}

impl Selected {
    pub(in crate::proxy) fn mid(&self) -> Option<Mid> {
        self.token.mid()
    }
}

/// One tenant.
pub(in crate::proxy) struct Tenant {
    name: String,
    names: BTreeMap<String, Mid>,
    /// The first name of each member id.
    called: HashMap<Mid, String>,
    default_mid: Option<Mid>,
    allow_any: bool,
    known: HashMap<Option<Mid>, Arc<Selected>>,
    unnamed: Mutex<Unnamed>,
    /// Unnamed accounts of all tenants.
    unnamed_count: Arc<AtomicUsize>,
    store: Arc<TokenStore>,
    endpoint: Arc<Endpoint>,
    lock: InstanceLock,
    mode: Mode,
    business_unit: Option<HeaderValue>,
}

#[derive(Default)]
struct Unnamed {
    admitted: HashMap<Mid, Arc<Selected>>,
    refused: HashMap<Mid, Instant>,
}

impl Tenant {
    pub(in crate::proxy) fn new(
        settings: &TenantSettings,
        endpoint: Arc<Endpoint>,
        store: Arc<TokenStore>,
        unnamed_count: Arc<AtomicUsize>,
    ) -> Self {
        let mut tenant = Self {
            name: settings.name.clone(),
            called: called(&settings.accounts),
            names: settings.accounts.clone(),
            default_mid: settings.default_account,
            allow_any: settings.allow_any_account,
            known: HashMap::new(),
            unnamed: Mutex::default(),
            unnamed_count,
            store,
            endpoint,
            lock: settings.endpoint.lock.clone(),
            mode: settings.mode,
            business_unit: business_unit(&settings.endpoint.kind),
        };
        let mut known = HashMap::new();
        for (index, (name, mid)) in tenant.names.iter().enumerate() {
            let label = if index < LABELS_MAX { name } else { OTHER };
            known.insert(Some(*mid), tenant.select(Some(*mid), label));
        }
        if let Some(mid) = tenant.default_mid {
            known
                .entry(Some(mid))
                .or_insert_with(|| tenant.select(Some(mid), "default"));
        } else if tenant.names.is_empty() {
            known.insert(None, tenant.select(None, "default"));
        }
        tenant.known = known;
        tenant
    }

    fn select(&self, mid: Option<Mid>, label: &str) -> Arc<Selected> {
        let labels = self.label(label);
        Arc::new(Selected {
            token: self.store.account(&self.endpoint, mid, labels),
            // Names are checked to be `a-z 0-9 -` before they come here.
            tenant_header: HeaderValue::try_from(&self.name)
                .unwrap_or(HeaderValue::from_static("-")),
            account_header: mid.map(HeaderValue::from),
        })
    }

    fn label(&self, account: &str) -> Labels {
        Labels {
            tenant: self.name.clone(),
            account: account.to_owned(),
        }
    }

    pub(in crate::proxy) fn name(&self) -> &str {
        &self.name
    }

    pub(in crate::proxy) fn default_mid(&self) -> Option<Mid> {
        self.default_mid
    }

    /// Every account that the configuration names, and the default one.
    pub(in crate::proxy) fn known(&self) -> impl Iterator<Item = &Arc<Selected>> {
        self.known.values()
    }

    /// How metrics call its accounts, with those that it may still admit.
    pub(in crate::proxy) fn labels(&self) -> impl Iterator<Item = Labels> {
        let known = self
            .known()
            .map(|account| (*account.token.labels()).clone());
        known.chain(self.allow_any.then(|| self.label(OTHER)))
    }

    /// What metrics call its token requests.
    pub(in crate::proxy) fn grants(&self) -> impl Iterator<Item = &'static str> {
        self.endpoint.grants()
    }

    /// Those, and whatever else has been admitted.
    pub(in crate::proxy) fn all_accounts(&self) -> Vec<Arc<Selected>> {
        let unnamed = self.unnamed.lock().unwrap_or_else(PoisonError::into_inner);
        let all = self.known.values().chain(unnamed.admitted.values());
        all.cloned().collect()
    }

    /// What an account is called; the first of several names.
    pub(in crate::proxy) fn name_of(&self, mid: Mid) -> Option<&str> {
        self.called.get(&mid).map(String::as_str)
    }

    /// How its tokens are minted.
    pub(in crate::proxy) fn grant_type(&self) -> &GrantType {
        &self.endpoint.settings().grant_type
    }

    /// What kind of tenant it is.
    pub(in crate::proxy) fn kind(&self) -> &Kind {
        &self.endpoint.settings().kind
    }

    /// Whether a host of Marketing Cloud is one of this tenant's own, by its subdomain.
    pub(in crate::proxy) fn is_below(&self, host: &VendorHost) -> bool {
        host.subdomain.is_some() && host.subdomain.as_deref() == self.subdomain()
    }

    /// What stands before Marketing Cloud's domain in the tenant's host names. What core Salesforce calls a subdomain is a
    /// name of its own, and no host of Marketing Cloud's.
    pub(in crate::proxy) fn subdomain(&self) -> Option<&str> {
        let subdomain = self.lock.subdomain.as_deref();
        subdomain.filter(|_| !self.kind().is_core())
    }

    /// The value of `Pardot-Business-Unit-Id` on every call, for Account Engagement.
    pub(in crate::proxy) fn business_unit(&self) -> Option<&HeaderValue> {
        self.business_unit.as_ref()
    }

    /// What calls may do at most.
    pub(in crate::proxy) fn mode(&self) -> Mode {
        self.mode
    }

    /// The scopes that its tokens are asked for with; nothing where all are.
    pub(in crate::proxy) fn scope(&self) -> Option<&str> {
        self.endpoint.settings().scope.as_deref()
    }

    /// Whether its tokens need a user's login.
    pub(in crate::proxy) fn takes_login(&self) -> bool {
        self.endpoint.settings().grant_type.takes_login()
    }

    /// Which of the client's secrets worked last; `None` if it has none.
    pub(in crate::proxy) fn client_secret_in_use(&self) -> Option<&'static str> {
        self.endpoint.client_secret_in_use()
    }

    /// Admits the accounts without a name that another configuration had admitted, if it may.
    pub(in crate::proxy) fn admit_as(&self, before: &Self) {
        let admitted: Vec<_> = {
            let unnamed = before.unnamed.lock();
            let unnamed = unnamed.unwrap_or_else(PoisonError::into_inner);
            unnamed.admitted.keys().copied().collect()
        };
        for mid in admitted {
            // Those that may not be selected any more are gone.
            let _refused = self.account(mid);
        }
    }

    /// What a login can be for.
    pub(in crate::proxy) fn login(&self) -> login::Tenant {
        let account = |selected: &Arc<Selected>| Arc::clone(&selected.token);
        let with_mid = |selected: &Arc<Selected>| Some((selected.mid()?, account(selected)));
        login::Tenant {
            default: self.default_known().map(account),
            names: self.names.clone().into_iter().collect(),
            accounts: self.known().filter_map(with_mid).collect(),
        }
    }

    /// The account that nothing selects, if there is one.
    fn default_known(&self) -> Option<&Arc<Selected>> {
        self.known.get(&self.default_mid)
    }

    /// The account whose token is asked for before anybody calls: the one that nothing selects, or else the first by name. Without
    /// a default one no login is asked for, because nobody may need that.
    pub(in crate::proxy) fn first_account(&self) -> Option<&Arc<Selected>> {
        let named = || {
            let mid = self.names.values().next().filter(|_| !self.takes_login())?;
            self.known.get(&Some(*mid))
        };
        self.default_known().or_else(named)
    }

    /// The account that nothing selects.
    pub(super) fn default_account(&self) -> Result<Arc<Selected>, ProxyError> {
        self.known.get(&self.default_mid).cloned().ok_or_else(|| {
            let names: Vec<_> = self.names.keys().map(String::as_str).collect();
            ProxyError::new(
                Code::AccountRequired,
                format!(
                    "Tenant {} has several accounts ({}) and no account_id as default. Put /@{}:ACCOUNT before the path, or \
                     send Sfmc-Account.",
                    self.name,
                    names.join(", "),
                    self.name
                ),
            )
        })
    }

    /// Reads a selector's account: a member id, or a configured name in any case.
    pub(super) fn read_account(&self, text: &str) -> Result<Mid, ProxyError> {
        if let Some(mid) = self.names.get(&text.to_ascii_lowercase()) {
            return Ok(*mid);
        }
        text.parse().map_err(|_not_a_number| {
            let names: Vec<_> = self.names.keys().map(String::as_str).collect();
            ProxyError::new(
                Code::AccountNotAllowed,
                format!(
                    "Tenant {} has no account {}; configured: {}.",
                    self.name,
                    printable(text),
                    names.join(", ")
                ),
            )
        })
    }

    /// The account of this member id, if it may be selected.
    pub(super) fn account(&self, mid: Mid) -> Result<Arc<Selected>, ProxyError> {
        if let Some(known) = self.known.get(&Some(mid)) {
            return Ok(Arc::clone(known));
        }
        let refuse = |why: &str| {
            ProxyError::new(
                Code::AccountNotAllowed,
                format!(
                    "Account {mid} of tenant {} cannot be selected: {why}",
                    self.name
                ),
            )
        };
        if !self.allow_any {
            return Err(refuse(
                "it is neither account_id nor in the tenant's accounts. Add it there, or set allow_any_account.",
            ));
        }
        let mut unnamed = self.unnamed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(admitted) = unnamed.admitted.get(&mid) {
            return Ok(Arc::clone(admitted));
        }
        if unnamed
            .refused
            .get(&mid)
            .is_some_and(|at| at.elapsed() < REFUSED_FOR)
        {
            return Err(refuse(
                "the token endpoint refused it within the last 10 minutes. Check the member id.",
            ));
        }
        let room = |count: usize| (count < UNNAMED_MAX).then_some(count + 1);
        if self
            .unnamed_count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, room)
            .is_err()
        {
            return Err(refuse(
                "100 accounts without a name are in use already. Name it in the tenant's accounts.",
            ));
        }
        let selected = self.select(Some(mid), OTHER);
        unnamed.admitted.insert(mid, Arc::clone(&selected));
        Ok(selected)
    }

    /// The token endpoint refused a token for this account: an unnamed one gives its place back.
    pub(in crate::proxy) fn account_refused(&self, account: &Selected, error: &MintError) {
        let Some(mid) = account
            .mid()
            .filter(|mid| !self.known.contains_key(&Some(*mid)))
        else {
            return;
        };
        let MintError::Rejected { error, .. } = error else {
            return;
        };
        if error == "invalid_client" || error == "unauthorized_client" {
            return; // says nothing about the account
        }
        let mut unnamed = self.unnamed.lock().unwrap_or_else(PoisonError::into_inner);
        if unnamed.admitted.remove(&mid).is_some() {
            self.unnamed_count.fetch_sub(1, Ordering::Relaxed);
        }
        if unnamed.refused.len() >= REFUSED_MAX {
            unnamed
                .refused
                .retain(|_mid, at| at.elapsed() < REFUSED_FOR);
        }
        if unnamed.refused.len() < REFUSED_MAX {
            unnamed.refused.insert(mid, Instant::now());
        }
    }
}

fn called(names: &BTreeMap<String, Mid>) -> HashMap<Mid, String> {
    let names = names.iter().rev();
    names.map(|(name, mid)| (*mid, name.clone())).collect()
}

fn business_unit(kind: &Kind) -> Option<HeaderValue> {
    let Kind::AccountEngagement {
        business_unit_id, ..
    } = kind
    else {
        return None;
    };
    // 18 letters and digits: checked before they come here.
    HeaderValue::try_from(business_unit_id).ok()
}
