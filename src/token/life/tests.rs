//! The life cycle in simulated time: what `store` would do, without sockets, tasks or a real clock.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::{Attempt, Because, Cure, Life, Wanted};
use crate::clock::Now;
use crate::secret::Secret;
use crate::token::{
    AccessToken, Domain, InstanceLock, InstanceUrl, Instances, MintError, Route, TrustedHost,
};
use crate::upstream::{EgressProxy, ResolveWith, Settings, Trust, Upstream};

const SECOND: Duration = Duration::from_secs(1);
const LIFETIME: Duration = Duration::from_secs(1079);

/// A tenant and a store in one: mints take no time, and which routes and tokens are refused is up to the test.
struct Simulation {
    life: Life,
    now: Now,
    lifetime: Duration,
    instance: InstanceUrl,
    mints: u32,
    revoked: HashSet<u64>,
    endpoint_down: Option<MintError>,
    calls_to_endpoint: u32,
}

/// What a simulated call got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Got {
    Accepted,
    Refused(Because),
    NoToken,
}

impl Simulation {
    fn new(lifetime: Duration) -> Self {
        let settings = Settings {
            resolve_with: ResolveWith::System,
            proxy: EgressProxy::None,
            connect_timeout: SECOND,
            pool_idle_timeout: SECOND,
            headers_max: 100,
            header_size_max: 65536,
            preserve_header_case: false,
            body_stall_timeout: SECOND,
        };
        let lock = InstanceLock {
            subdomain: None,
            trusted: vec![TrustedHost {
                host: "127.0.0.1".to_owned(),
                port: None,
            }],
        };
        let (upstream, trust) = (Upstream::new(settings), Trust::system().unwrap());
        let instance = lock
            .admit(Domain::Engagement, "http://127.0.0.1:1/", &upstream, &trust)
            .unwrap();
        let now = Now {
            monotonic: Instant::now(),
            wall: SystemTime::UNIX_EPOCH + LIFETIME * 1000,
        };
        Self {
            life: Life::new(120 * SECOND, 20),
            now,
            lifetime,
            instance,
            mints: 0,
            revoked: HashSet::new(),
            endpoint_down: None,
            calls_to_endpoint: 0,
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.after(time);
    }

    fn mint(&mut self) -> Result<Arc<AccessToken>, MintError> {
        self.calls_to_endpoint += 1;
        let outcome = match &self.endpoint_down {
            Some(error) => Err(error.clone()),
            None => {
                self.mints += 1;
                let [rest, soap, auth] = [(); 3].map(|()| self.instance.clone());
                let instances = Instances { rest, soap, auth };
                let token =
                    AccessToken::new(&Secret::new("a.b.c.d"), instances, self.now, self.lifetime);
                Ok(Arc::new(token.unwrap()))
            }
        };
        self.life.minted(self.now, &outcome);
        outcome
    }

    fn token(&mut self, replayable: bool) -> Option<Arc<AccessToken>> {
        let token = match self.life.wanted(self.now, replayable) {
            Wanted::Use(token) => token,
            Wanted::UseAndMint(token) => {
                self.mint().ok();
                token
            }
            Wanted::MintAndWait => match self.mint() {
                Ok(token) => token,
                Err(_) => self
                    .life
                    .current()
                    .cloned()
                    .filter(|token| token.remaining(self.now) > Duration::ZERO)?,
            },
            Wanted::Wait => panic!("no mint is in flight between two calls"),
            Wanted::Refuse(..) => return None,
        };
        assert!(
            token.remaining(self.now) > Duration::ZERO,
            "a token was given out after its end"
        );
        Some(token)
    }

    /// One call on this route; `principle` is a route that refuses every token.
    fn call(&mut self, route: Route, principle: bool, replayable: bool) -> Got {
        let Some(token) = self.token(replayable) else {
            return Got::NoToken;
        };
        if !principle && !self.revoked.contains(&token.number()) {
            self.life.accepted(token.number(), route);
            return Got::Accepted;
        }
        let cure = self
            .life
            .refused(self.now, token.number(), route, Attempt::First, replayable);
        let next = match cure {
            Cure::Replay(token) => token,
            Cure::MintAndWait => match self.mint() {
                Ok(_) if !replayable => return Got::Refused(Because::NotReplayable),
                Ok(token) => token,
                Err(_) => return Got::NoToken,
            },
            Cure::Wait => panic!("no mint is in flight between two calls"),
            Cure::Deliver(because) => return Got::Refused(because),
            Cure::Refuse(..) => return Got::NoToken,
        };
        if !principle && !self.revoked.contains(&next.number()) {
            self.life.accepted(next.number(), route);
            return Got::Accepted;
        }
        let cure = self
            .life
            .refused(self.now, next.number(), route, Attempt::Replay, false);
        assert!(
            matches!(cure, Cure::Deliver(Because::ReplayRefused)),
            "{cure:?}"
        );
        Got::Refused(Because::ReplayRefused)
    }
}

fn get() -> Route {
    Route::rest("GET", "/hub/v1/dataevents/1")
}

fn post() -> Route {
    Route::rest("POST", "/hub/v1/dataevents/2")
}

#[test]
fn a_refused_post_a_second_beside_accepted_gets_costs_eight_mints_in_twenty_minutes() {
    for replayable in [true, false] {
        let mut simulation = Simulation::new(LIFETIME);
        for _second in 0..1200 {
            assert_eq!(
                simulation.call(get(), false, true),
                Got::Accepted,
                "others notice nothing"
            );
            assert!(matches!(
                simulation.call(post(), true, replayable),
                Got::Refused(_)
            ));
            simulation.pass(SECOND);
        }
        assert!(simulation.mints <= 8, "{} mints", simulation.mints);
    }
}

#[test]
fn a_tenant_that_refuses_everything_costs_ever_fewer_mints() {
    let mut simulation = Simulation::new(LIFETIME);
    for second in 0..1200_u32 {
        let path = format!("/route/v1/{}", second % 7);
        assert!(matches!(
            simulation.call(Route::rest("GET", &path), true, true),
            Got::Refused(_)
        ));
        simulation.pass(SECOND);
    }
    // Rests of 30, 60, 120, 240, 480 and 600 s, and one renewal.
    assert!(simulation.mints <= 8, "{} mints", simulation.mints);
}

#[test]
fn a_tenant_that_revokes_every_five_seconds_for_a_minute_is_cured_each_time() {
    let mut simulation = Simulation::new(LIFETIME);
    for second in 0..60 {
        if second % 5 == 4 {
            let token = simulation.token(true).unwrap();
            simulation.revoked.insert(token.number());
        }
        assert_eq!(
            simulation.call(get(), false, true),
            Got::Accepted,
            "second {second}"
        );
        assert_eq!(
            simulation.call(post(), false, true),
            Got::Accepted,
            "second {second}"
        );
        simulation.pass(SECOND);
    }
    assert_eq!(simulation.mints, 13);
}

#[test]
fn refusals_cannot_cost_more_than_the_budget() {
    let mut simulation = Simulation::new(Duration::from_secs(100_000));
    let mut delivered = 0;
    for minute in 0..60 {
        for _second in 0..60 {
            let token = simulation.token(true).unwrap();
            simulation.revoked.insert(token.number());
            if simulation.call(get(), false, true) == Got::Refused(Because::BudgetSpent) {
                delivered += 1;
            }
            simulation.pass(SECOND);
        }
        // The first one is no forced mint.
        assert!(
            simulation.mints <= 1 + 20 + minute + 1,
            "{} mints after minute {minute}",
            simulation.mints
        );
    }
    assert!(delivered > 3000, "{delivered}");
}

#[test]
fn each_stage_begins_when_it_should() {
    // Lifetime, refresh_before's share, reserve for replayable and for other requests, in milliseconds.
    for (lifetime, window, reserve, long_reserve) in [
        (1_079_000, 120_000, 2_000, 10_000),
        (40_000, 10_000, 2_000, 4_000),
        (3_000, 750, 150, 300),
    ] {
        let mut simulation = Simulation::new(Duration::from_millis(lifetime));
        simulation.token(true).unwrap();
        let at = |milliseconds: u64| Duration::from_millis(milliseconds);
        let born = simulation.now;
        let mut mints_at = |age: u64, replayable: bool| {
            let mut life = Life::new(120 * SECOND, 20);
            std::mem::swap(&mut life, &mut simulation.life);
            life.minted(born, &Ok(Arc::clone(life.current().unwrap())));
            let wanted = life.wanted(born.after(at(age)), replayable);
            let said = match &wanted {
                Wanted::Use(_) => "use",
                Wanted::UseAndMint(_) => "use and mint",
                Wanted::MintAndWait => "mint and wait",
                other => panic!("{other:?}"),
            };
            life.minted(
                born,
                &Err(MintError::Unavailable {
                    cause: String::new(),
                    retry_after: None,
                }),
            );
            let mut fresh = Life::new(120 * SECOND, 20);
            fresh.minted(born, &Ok(Arc::clone(life.current().unwrap())));
            simulation.life = fresh;
            said
        };
        assert_eq!(mints_at(lifetime - window - 1, true), "use");
        assert_eq!(mints_at(lifetime - window, true), "use and mint");
        assert_eq!(mints_at(lifetime - reserve - 1, true), "use and mint");
        assert_eq!(mints_at(lifetime - reserve, true), "mint and wait");
        assert_eq!(mints_at(lifetime - long_reserve - 1, false), "use and mint");
        assert_eq!(mints_at(lifetime - long_reserve, false), "mint and wait");
        assert_eq!(mints_at(lifetime + 1, true), "mint and wait");
    }
}

#[test]
fn either_clock_ends_a_token() {
    let mut simulation = Simulation::new(LIFETIME);
    simulation.token(true).unwrap();
    simulation.now.wall += LIFETIME;
    simulation.token(true).unwrap();
    assert_eq!(simulation.mints, 2, "the machine slept");
    simulation.now.wall -= LIFETIME;
    simulation.now.monotonic += LIFETIME;
    simulation.token(true).unwrap();
    assert_eq!(simulation.mints, 3, "the wall clock was set back");
}

#[test]
fn a_dead_endpoint_is_asked_ever_more_rarely_and_the_token_serves_to_its_end() {
    let mut simulation = Simulation::new(LIFETIME);
    assert_eq!(simulation.call(get(), false, true), Got::Accepted);
    simulation.endpoint_down = Some(MintError::Unavailable {
        cause: "down".to_owned(),
        retry_after: None,
    });
    simulation.calls_to_endpoint = 0;
    let tick = Duration::from_millis(100);
    for step in 1..12_000_u32 {
        simulation.pass(tick);
        let expected = if tick * step < LIFETIME {
            Got::Accepted
        } else {
            Got::NoToken
        };
        assert_eq!(
            simulation.call(get(), false, true),
            expected,
            "after {:?}",
            tick * step
        );
    }
    // Pauses of 1, 2, 4, 8, 16 and then 30 s, for the 241 s since the renewal was due.
    assert!(
        (8..=14).contains(&simulation.calls_to_endpoint),
        "{}",
        simulation.calls_to_endpoint
    );
    simulation.endpoint_down = None;
    simulation.pass(30 * SECOND);
    assert_eq!(simulation.call(get(), false, true), Got::Accepted);
}

#[test]
fn the_endpoints_words_set_the_cool_down() {
    for (error, pause) in [
        (
            MintError::Rejected {
                status: 401,
                error: "invalid_client".to_owned(),
                description: String::new(),
            },
            30,
        ),
        (
            MintError::Unavailable {
                cause: String::new(),
                retry_after: Some(90 * SECOND),
            },
            90,
        ),
        (
            MintError::Unavailable {
                cause: String::new(),
                retry_after: Some(86_400 * SECOND),
            },
            1200,
        ),
        (
            MintError::Unavailable {
                cause: String::new(),
                retry_after: None,
            },
            1,
        ),
    ] {
        let mut simulation = Simulation::new(LIFETIME);
        simulation.endpoint_down = Some(error);
        assert_eq!(simulation.call(get(), false, true), Got::NoToken);
        simulation.pass(Duration::from_secs(pause) - Duration::from_millis(1));
        assert_eq!(simulation.call(get(), false, true), Got::NoToken);
        assert_eq!(simulation.calls_to_endpoint, 1);
        simulation.pass(Duration::from_millis(1));
        simulation.endpoint_down = None;
        assert_eq!(simulation.call(get(), false, true), Got::Accepted);
    }
}

#[test]
fn the_refused_token_is_the_witness() {
    let mut simulation = Simulation::new(LIFETIME);
    let first = simulation.token(true).unwrap();
    let cure = simulation
        .life
        .refused(simulation.now, first.number(), get(), Attempt::First, true);
    assert!(matches!(cure, Cure::MintAndWait));
    for _joining in 0..49 {
        let cure =
            simulation
                .life
                .refused(simulation.now, first.number(), get(), Attempt::First, true);
        assert!(matches!(cure, Cure::Wait), "one mint in flight");
    }
    let second = simulation.mint().unwrap();
    let late =
        simulation
            .life
            .refused(simulation.now, first.number(), post(), Attempt::First, true);
    assert!(
        matches!(late, Cure::Replay(token) if token.number() == second.number()),
        "no mint for an old token"
    );
    assert_eq!(simulation.mints, 2);
}

#[test]
fn a_rest_ends_by_an_acceptance_on_its_route_only() {
    let mut simulation = Simulation::new(LIFETIME);
    assert_eq!(
        simulation.call(post(), true, true),
        Got::Refused(Because::ReplayRefused)
    );
    assert_eq!(simulation.call(get(), false, true), Got::Accepted);
    assert_eq!(
        simulation.call(post(), true, true),
        Got::Refused(Because::RouteRests)
    );
    simulation.pass(LIFETIME);
    assert_eq!(
        simulation.call(get(), false, true),
        Got::Accepted,
        "a renewal"
    );
    // The rest of 30 s is over; the next one is twice as long, renewal or not.
    assert_eq!(
        simulation.call(post(), true, true),
        Got::Refused(Because::ReplayRefused)
    );
    assert_eq!(simulation.call(get(), false, true), Got::Accepted);
    simulation.pass(59 * SECOND);
    assert_eq!(
        simulation.call(post(), true, true),
        Got::Refused(Because::RouteRests)
    );
    assert_eq!(simulation.call(post(), false, true), Got::Accepted);
    assert_eq!(
        simulation.call(post(), true, true),
        Got::Refused(Because::ReplayRefused),
        "accepted in between: it may mint again"
    );
}
