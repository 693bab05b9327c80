//! Properties of the whole decision, over requests that make no sense.

use platform_model::{Epoch, HomeId, IdempotencyKey, UserId};
use proptest::prelude::*;
use uuid::Uuid;

use crate::{Caller, Decision, Moment, Moved, Overrides, RequestHead, ShardIndex, Table, decide, sample};

fn path() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        Just("v1"),
        Just("register"),
        Just("locate"),
        Just("homes"),
        Just("login"),
        Just("sessions"),
        Just("refresh"),
        Just("DE"),
        Just("eu~eu-central"),
        Just(""),
        Just(".."),
        Just("%2e"),
    ];
    prop_oneof![
        any::<String>(),
        prop::collection::vec(segment, 0..6).prop_map(|segments| format!("/{}", segments.join("/"))),
    ]
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        Just("meridian.test".into()),
        Just("eu-west.eu.meridian.test:8443".into()),
        Just("us-east.us.meridian.test".into()),
    ]
}

fn home() -> impl Strategy<Value = Option<HomeId>> {
    prop::option::of(
        prop_oneof![Just("eu/eu-central"), Just("us/us-east"), Just("us/nowhere")]
            .prop_map(|home| home.parse().expect("a home")),
    )
}

proptest! {
    #[test]
    fn decide_never_panics_and_decides_the_same_twice(
        method in prop_oneof![Just("GET".to_owned()), Just("POST".to_owned()), any::<String>()],
        (host, path, home) in (host(), path(), home()),
        (user, key) in (any::<u128>(), any::<Option<u64>>()),
        (now_ms, epoch, shard) in (any::<u64>(), any::<u64>(), 0..24u32),
        node in prop_oneof![Just("us-east-1/0"), Just("eu-central-2/0"), Just("eu-west-1/0")],
    ) {
        let table = Table::compile(&sample::world(), &sample::region("eu-west"));
        let mut overrides = Overrides::new(4, 1_000);
        let asked = ShardIndex(shard);
        let said = Moved {
            shard: table.shard(asked).clone(),
            epoch: Epoch(epoch),
            node: node.parse().expect("a node"),
        };
        let _ = overrides.learn(&table, asked, said, 5);
        let user = UserId::from_uuid(Uuid::from_u128(user));
        let idempotency_key = key.and_then(|ms| {
            let id = uuid::Builder::from_unix_timestamp_millis(ms & 0xffff_ffff_ffff, &[7; 10]).into_uuid();
            IdempotencyKey::new(id).ok()
        });
        let caller = home.as_ref().map(|home| Caller { home, user });
        let head = RequestHead { method: &method, host: &host, path: &path, caller, idempotency_key };
        let at = Moment { now_ms, table_age_ms: 0 };
        let decision = decide(&table, &overrides, &head, at);
        prop_assert_eq!(&decision, &decide(&table, &overrides, &head, at));
        if let Decision::Forward(route) = decision {
            // A forwarded request is always about a shard of the home that was asked for, at an epoch not older
            // than the table's, at a node of the home's region, and nothing learned outlives its time.
            let named = table.place(route.place.shard).expect("placed");
            prop_assert!(route.place.epoch >= named.epoch);
            prop_assert_eq!(&table.node(route.place.node).region, &table.node(named.node).region);
            prop_assert!(!route.learned || now_ms < 1_005);
            prop_assert!(route.learned || route.place == named);
        }
    }

    #[test]
    fn every_user_is_found_where_the_plain_table_says(user in any::<u128>(), homes in 1..200usize) {
        let (mut world, user) = (sample::world(), UserId::from_uuid(Uuid::from_u128(user)));
        let node = world.nodes.keys().next().expect("one").clone();
        for n in 0..homes {
            let home: HomeId = format!("j{n}/r{n}").parse().expect("a home");
            let mut entry = world.homes.values().next().expect("one").clone();
            entry.shard_count = u16::try_from(n % 7 + 1).expect("small");
            for index in 0..entry.shard_count {
                let route = platform_model::ShardRoute::single(node.clone(), Epoch(n as u64), platform_model::ReplicaId(7));
                world.shards.insert(platform_model::ShardId::Root { home: home.clone(), index }, route);
            }
            world.homes.insert(home, entry);
        }
        let table = Table::compile(&world, &sample::region("eu-west"));
        for home in world.homes.keys() {
            let crate::table::Found::Home(found) = table.find(home, user) else { panic!("{home} is known") };
            let shard = world.shard_of_user(home, user).expect("known");
            prop_assert_eq!(table.shard(found.shard), &shard);
            let place = found.place.expect("placed");
            prop_assert_eq!((place.epoch, &table.node(place.node).id), {
                let route = &world.shards[&shard];
                (route.epoch, &route.node)
            });
        }
    }
}
