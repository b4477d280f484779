//! Pushes and kicks for many users: which of them there are, and how transports without lists send
//! them.

use super::{Inbox, RpcClient};
use crate::cluster::wire::{KickMsg, Push, UserList};

/// What became of a push or a kick for many users.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// How many messages left.
    pub messages: usize,
    /// Users who were certainly not reached.
    pub unreached: Vec<String>,
}

/// A message for each user, one after the other.
pub(crate) async fn one_by_one<C: RpcClient + ?Sized>(
    client: &C,
    frontend_type: &str,
    list: UserList,
) -> Sent {
    let mut sent = Sent::default();
    for uid in list.uids {
        let result = if list.kick {
            let user_id = uid.clone();
            client.kick(frontend_type, KickMsg { user_id }).await
        } else {
            let push = Push {
                route: list.route.clone(),
                uid: uid.clone(),
                data: list.data.clone(),
                key: list.key.clone(),
            };
            client.push(frontend_type, push).await
        };
        match result {
            Ok(()) => sent.messages += 1,
            Err(_) => sent.unreached.push(uid),
        }
    }
    sent
}

/// The most users of one list: whoever takes it gives it to all of them in one go.
#[cfg(feature = "nats")]
const USERS: usize = 8192;

/// Divides a list into as few as possible whose encoded form has at most `limit` bytes each.
///
/// # Errors
/// The list, when its body leaves no room for users.
#[cfg(feature = "nats")]
pub(super) fn split(mut list: UserList, limit: usize) -> Result<Vec<UserList>, UserList> {
    use prost::Message as _;

    // Field number and length of a text take a few bytes, and so does what transports append.
    let cost = |uid: &String| uid.len() + 8;
    let uids = std::mem::take(&mut list.uids);
    let room = limit.saturating_sub(list.encoded_len() + 64);
    if uids.iter().any(|uid| cost(uid) > room) {
        list.uids = uids;
        return Err(list);
    }
    let (mut parts, mut left): (Vec<UserList>, _) = (Vec::new(), 0);
    for uid in uids {
        let last = parts.last_mut();
        let last = last.filter(|last| cost(&uid) <= left && last.uids.len() < USERS);
        match last {
            Some(last) => {
                left -= cost(&uid);
                last.uids.push(uid);
            }
            None => {
                left = room - cost(&uid);
                parts.push(UserList {
                    uids: vec![uid],
                    ..list.clone()
                });
            }
        }
    }
    Ok(parts)
}

/// Gives a user what the list says; false when the user is not here.
pub type Give<'a> = Box<dyn FnMut(&str) -> bool + Send + 'a>;

/// By the inbox's own `push` and `kick`.
pub(super) fn give<'a, I: Inbox + ?Sized>(inbox: &'a I, list: &'a UserList) -> Give<'a> {
    if list.kick {
        return Box::new(|uid| {
            let user_id = uid.to_owned();
            inbox.kick(KickMsg { user_id })
        });
    }
    Box::new(|uid| {
        inbox.push(Push {
            route: list.route.clone(),
            uid: uid.to_owned(),
            data: list.data.clone(),
            key: list.key.clone(),
        })
    })
}

#[cfg(all(test, feature = "nats"))]
mod tests {
    use prost::Message as _;

    use super::*;

    fn list(users: usize, uid_len: usize, body: usize) -> UserList {
        UserList {
            route: "on".to_owned(),
            data: vec![7; body].into(),
            uids: (0..users).map(|n| format!("{n:0uid_len$}")).collect(),
            kick: false,
            key: Some("position".to_owned()),
        }
    }

    #[test]
    fn a_list_becomes_few_that_fit_and_nobody_is_left_out() {
        for (users, uid_len, body, limit, most) in [
            (0, 1, 0, 1 << 20, 0),
            (1, 1, 0, 1 << 20, 1),
            (8192, 36, 1000, 1 << 20, 1),
            (8193, 36, 1000, 1 << 20, 2),
            (10_000, 36, 0, 1 << 16, 7),
            (10_000, 200, (1 << 20) - (1 << 17), 1 << 20, 20),
            (5, 500, 400, 1 << 10, 5),
        ] {
            let list = list(users, uid_len, body);
            let parts = split(list.clone(), limit).expect("there is room");
            assert!(parts.len() <= most, "{users}: {}", parts.len());
            for part in &parts {
                assert!(part.encoded_len() + 64 <= limit);
                let what =
                    |list: &UserList| (list.route.clone(), list.data.clone(), list.key.clone());
                assert_eq!(what(part), what(&list));
            }
            let uids: Vec<_> = parts.into_iter().flat_map(|part| part.uids).collect();
            assert_eq!(uids, list.uids);
        }
    }

    #[test]
    fn a_list_whose_body_fills_a_message_is_given_back() {
        for list in [list(2, 1, 1 << 20), list(2, 600, 400)] {
            assert_eq!(split(list.clone(), 1 << 10), Err(list));
        }
    }
}
