//! Pushes and lists in the order in which they came, for each user.
//!
//! A connection gets its messages in order, but puts those of each subscription into a queue of its
//! own: one for each user, one for lists. It fills them in order, and that is enough. When a list is
//! seen, every single push that came before it is in its user's queue: those go first. When a single
//! push says how many lists were before it, these are in the list queue already, and go first. What a
//! queue had no room for is lost, so nothing here waits for anything that is not there.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use async_nats::{Message, Subject};
use futures_util::Stream;
use parking_lot::Mutex;
use prost::Message as _;

use super::mark::{Mark, Seen};
use super::serve;
use crate::cluster::rpc::Inbox;
use crate::cluster::wire::{Response, UserList};

/// A subscription's queue, with a look at its first message. One task waits for it; others may take
/// from it without waiting.
pub(super) struct Queue<S>(Mutex<Source<S>>);

struct Source<S> {
    stream: S,
    first: Option<Message>,
    /// Of the task that waits. Whoever else finds the queue empty leaves this behind.
    waker: Option<Waker>,
}

impl<S: Stream<Item = Message> + Unpin> Queue<S> {
    pub(super) fn new(stream: S) -> Self {
        Self(Mutex::new(Source {
            stream,
            first: None,
            waker: None,
        }))
    }

    /// Waits for a message, which stays there. `None` when there will be none any more.
    pub(super) async fn first(&self) -> Option<Mark> {
        std::future::poll_fn(|cx| {
            let mut source = self.0.lock();
            source.waker = Some(cx.waker().clone());
            let first = source.poll(cx);
            first.map(|first| first.map(|message| Mark::of(&message.payload)))
        })
        .await
    }
}

impl<S: Stream<Item = Message> + Unpin> Source<S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<&Message>> {
        if self.first.is_none() {
            match Pin::new(&mut self.stream).poll_next(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(first) => self.first = first,
            }
        }
        Poll::Ready(self.first.as_ref())
    }

    /// The first message, if one is there.
    fn peek(&mut self) -> Option<&Message> {
        let waker = self.waker.clone().unwrap_or_else(|| Waker::noop().clone());
        match self.poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(first) => first,
            Poll::Pending => None,
        }
    }

    fn take(&mut self) -> Option<Message> {
        self.peek();
        self.first.take()
    }
}

/// What is to be answered to those who asked for it.
pub(super) type Answers = Vec<(Subject, Response)>;

/// Where a user's queue is found.
type Find<S> = Box<dyn Fn(&str) -> Option<Arc<Queue<S>>> + Send + Sync>;

/// Everything that comes for the users of one connection.
///
/// Its futures are to be run without the runtime's budget, which would make full queues look empty.
pub(super) struct Arrivals<S> {
    inbox: Arc<dyn Inbox>,
    find: Find<S>,
    /// A server without clients has no lists.
    lists: Option<Queue<S>>,
    /// Lists are given to their users one after the other, by whichever task needs that.
    turn: tokio::sync::Mutex<()>,
    seen: Mutex<Seen>,
}

impl<S: Stream<Item = Message> + Unpin> Arrivals<S> {
    pub(super) fn new(inbox: Arc<dyn Inbox>, lists: Option<S>, find: Find<S>) -> Self {
        Self {
            inbox,
            find,
            lists: lists.map(Queue::new),
            turn: tokio::sync::Mutex::default(),
            seen: Mutex::default(),
        }
    }

    /// Waits for a list; false when there will be none any more.
    pub(super) async fn list_is_there(&self) -> bool {
        match &self.lists {
            Some(lists) => lists.first().await.is_some(),
            None => false,
        }
    }

    /// Gives the first list to its users, if it is still there.
    pub(super) async fn list(&self) -> Answers {
        let mut answers = Answers::new();
        let _turn = self.turn.lock().await;
        if let Some(list) = self.take_list() {
            self.give(list, &mut answers);
        }
        answers
    }

    /// Passes on the first push of a user's queue, which carries this mark, unless somebody else has.
    pub(super) async fn single(&self, queue: &Queue<S>, mark: Mark) -> Answers {
        let mut answers = Answers::new();
        if !self.is_due(mark) {
            self.catch_up(mark, &mut answers).await;
        }
        let mut source = queue.0.lock();
        // Meanwhile it may be another one, which is looked at by the next call.
        let is_due = |first: &Message| self.is_due(Mark::of(&first.payload));
        if source.peek().is_some_and(is_due) {
            self.pass_on(&mut source, &mut answers);
        }
        answers
    }

    fn is_due(&self, mark: Mark) -> bool {
        self.lists.is_none() || mark.lists == 0 || self.seen.lock().is_up_to(mark)
    }

    fn take_list(&self) -> Option<Message> {
        self.lists.as_ref()?.0.lock().take()
    }

    /// Gives lists to their users up to this mark.
    async fn catch_up(&self, mark: Mark, answers: &mut Answers) {
        loop {
            let _turn = self.turn.lock().await;
            if self.is_due(mark) {
                return;
            }
            match self.take_list() {
                Some(list) => self.give(list, answers),
                // It was lost, or was sent before this server listened.
                None => return self.seen.lock().note(mark),
            }
        }
    }

    /// Gives a list to its users, to each behind the single pushes that came before it.
    fn give(&self, message: Message, answers: &mut Answers) {
        let mark = Mark::of(&message.payload);
        let problem = match UserList::decode(message.payload) {
            Ok(list) if list.kick || !list.route.is_empty() => {
                let mut give = self.inbox.give(&list);
                for uid in &list.uids {
                    let Some(queue) = (self.find)(uid) else {
                        continue;
                    };
                    // Held while the user is given the list, so that a push which came later waits.
                    let mut source = queue.0.lock();
                    while source
                        .peek()
                        .is_some_and(|first| self.is_before(first, mark))
                    {
                        self.pass_on(&mut source, answers);
                    }
                    give(uid);
                }
                None
            }
            Ok(_) => Some("the list has no route".to_owned()),
            Err(error) => Some(error.to_string()),
        };
        if let Some(problem) = problem {
            self.inbox.malformed(&message.subject, &problem);
        }
        self.seen.lock().note(mark);
    }

    /// Whether a single push goes before a list. Of those of other senders it does not matter.
    fn is_before(&self, single: &Message, list: Mark) -> bool {
        let mark = Mark::of(&single.payload);
        if mark.sender == list.sender {
            mark.lists < list.lists
        } else {
            self.is_due(mark)
        }
    }

    fn pass_on(&self, source: &mut Source<S>, answers: &mut Answers) {
        if let Some(message) = source.take() {
            answers.extend(serve::push(&*self.inbox, message));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use bytes::Bytes;
    use futures_util::FutureExt as _;
    use futures_util::stream::BoxStream;
    use tokio::sync::mpsc;

    use super::*;
    use crate::cluster::wire::{BindMsg, KickMsg, Push, Request};
    use crate::handler::BoxFuture;

    const USERS: [&str; 3] = ["ann", "bob", "cid"];
    const SENDERS: [u64; 2] = [1, 2];

    /// What each user was given, in order: sender and number of the push.
    #[derive(Default)]
    struct Given(Mutex<HashMap<String, Vec<(u64, u64)>>>);

    impl Inbox for Given {
        fn request(&self, _: Request) -> BoxFuture<'static, Response> {
            Box::pin(std::future::pending())
        }

        fn push(&self, push: Push) -> bool {
            let text = std::str::from_utf8(&push.data).unwrap();
            let (sender, number) = text.split_once(' ').unwrap();
            let push_of = (sender.parse().unwrap(), number.parse().unwrap());
            self.0.lock().entry(push.uid).or_default().push(push_of);
            true
        }

        fn kick(&self, _: KickMsg) -> bool {
            false
        }

        fn bound(&self, _: BindMsg) {}

        fn malformed(&self, _: &str, _: &str) {}
    }

    type Stream = BoxStream<'static, Message>;

    /// The bus's end of a queue, which holds so many messages.
    fn queue(room: usize) -> (mpsc::Sender<Message>, Stream) {
        let (sender, receiver) = mpsc::channel(room);
        let stream = futures_util::stream::unfold(receiver, async |mut receiver| {
            Some((receiver.recv().await?, receiver))
        });
        (sender, Box::pin(stream))
    }

    fn message(message: &impl prost::Message, mark: Mark) -> Message {
        let mut payload = message.encode_to_vec();
        mark.encode(&mut payload).unwrap();
        Message {
            subject: "test".into(),
            reply: None,
            payload: Bytes::from(payload),
            headers: None,
            status: None,
            description: None,
            length: 0,
        }
    }

    /// Two servers push to three users, alone and in lists; tasks run as it happens.
    struct Scene {
        given: Arc<Given>,
        arrivals: Arrivals<Stream>,
        lists: mpsc::Sender<Message>,
        singles: HashMap<&'static str, (mpsc::Sender<Message>, Arc<Queue<Stream>>)>,
        /// By sender: pushes and lists so far.
        sent: HashMap<u64, (u64, u64)>,
        expected: HashMap<String, Vec<(u64, u64)>>,
        lost: usize,
    }

    impl Scene {
        fn new(room: usize) -> Self {
            let (lists, stream) = queue(room);
            let mut singles = HashMap::new();
            for user in USERS {
                let (sender, stream) = queue(room);
                singles.insert(user, (sender, Arc::new(Queue::new(stream))));
            }
            let queues: HashMap<_, _> = singles
                .iter()
                .map(|(user, (_, queue))| (*user, queue.clone()))
                .collect();
            let given = Arc::<Given>::default();
            let find = Box::new(move |uid: &str| queues.get(uid).cloned());
            Self {
                arrivals: Arrivals::new(given.clone(), Some(stream), find),
                given,
                lists,
                singles,
                sent: HashMap::new(),
                expected: HashMap::new(),
                lost: 0,
            }
        }

        fn send(&mut self, sender: u64, uids: &[&str], listed: bool) {
            let (pushes, lists) = self.sent.entry(sender).or_default();
            *pushes += 1;
            let (route, data) = ("on".to_owned(), Bytes::from(format!("{sender} {pushes}")));
            let place = if listed {
                *lists += 1;
                let uids = uids.iter().map(|uid| (*uid).to_owned()).collect();
                let list = UserList {
                    route,
                    data,
                    uids,
                    kick: false,
                    key: None,
                };
                self.lists.try_send(message(
                    &list,
                    Mark {
                        sender,
                        lists: *lists,
                    },
                ))
            } else {
                let push = Push {
                    route,
                    data,
                    uid: uids[0].to_owned(),
                    key: None,
                };
                let mark = match *lists {
                    0 => Mark::default(),
                    lists => Mark { sender, lists },
                };
                self.singles[uids[0]].0.try_send(message(&push, mark))
            };
            match place {
                Ok(()) => {
                    for uid in uids {
                        let expected = self.expected.entry((*uid).to_owned()).or_default();
                        expected.push((sender, *pushes));
                    }
                }
                Err(_) => self.lost += 1,
            }
        }

        /// One of the tasks has its turn; whether it had something to do.
        fn run(&self, task: usize) -> bool {
            match USERS.get(task) {
                Some(user) => {
                    let queue = &self.singles[user].1;
                    let Some(first) = queue.first().now_or_never() else {
                        return false;
                    };
                    let passed = self.arrivals.single(queue, first.unwrap());
                    passed.now_or_never().expect("it waits for nothing");
                    true
                }
                None => {
                    let there = self.arrivals.list_is_there().now_or_never().is_some();
                    self.arrivals
                        .list()
                        .now_or_never()
                        .expect("it waits for nothing");
                    there
                }
            }
        }

        fn run_all(&self) {
            while (0..=USERS.len()).any(|task| self.run(task)) {}
        }

        /// The pushes of each sender, as each user was given them and as they were sent.
        fn both(&self) -> Vec<[Vec<u64>; 2]> {
            let given = self.given.0.lock();
            let of = |pushes: Option<&Vec<(u64, u64)>>, sender: u64| -> Vec<u64> {
                let pushes = pushes.into_iter().flatten();
                pushes
                    .filter(|push| push.0 == sender)
                    .map(|push| push.1)
                    .collect()
            };
            let pairs = USERS
                .iter()
                .flat_map(|user| SENDERS.map(|sender| (*user, sender)));
            pairs
                .map(|(user, sender)| {
                    [
                        of(given.get(user), sender),
                        of(self.expected.get(user), sender),
                    ]
                })
                .collect()
        }
    }

    fn play(random: &mut fastrand::Rng, room: usize) -> Scene {
        let mut scene = Scene::new(room);
        for _ in 0..200 {
            if random.bool() {
                let sender = SENDERS[random.usize(..2)];
                let mut uids = USERS;
                random.shuffle(&mut uids);
                let listed = random.u8(..3) == 0;
                let n = if listed { random.usize(1..=3) } else { 1 };
                scene.send(sender, &uids[..n], listed);
            } else {
                scene.run(random.usize(..=USERS.len()));
            }
        }
        scene.run_all();
        scene
    }

    #[test]
    fn each_user_is_given_each_senders_pushes_in_order_whichever_task_runs_when() {
        for seed in 0..500 {
            let scene = play(&mut fastrand::Rng::with_seed(seed), 1000);
            assert_eq!(scene.lost, 0);
            for [given, sent] in scene.both() {
                assert_eq!(given, sent, "seed {seed}");
            }
        }
    }

    #[test]
    fn what_a_queue_had_no_room_for_holds_up_nothing() {
        let mut lost = 0;
        for seed in 0..500 {
            let scene = play(&mut fastrand::Rng::with_seed(seed), 3);
            lost += scene.lost;
            for [mut given, mut sent] in scene.both() {
                given.sort_unstable();
                sent.sort_unstable();
                assert_eq!(given, sent, "seed {seed}: all that came, once");
            }
        }
        assert!(lost > 1000, "{lost}");
    }
}
