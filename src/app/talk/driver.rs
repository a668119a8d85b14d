//! Carries out what turn taking decides: has sound heard and words looked up, one of each at
//! a time, and passes on what the shopper is to see and the loudspeaker is to do. A task of
//! its own; sound dies with the utterance, or with the moment in which it may be gone on
//! with.

use super::taking::Talk;
use super::terms::{Call, Clip, Command, Event, Manner, Reading, Said, View};
use crate::voice::LISTENING_RATE;
use crate::voice::listener::{Listener, Told as Heard, Utterance, joined};
use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

/// How often turn taking is told the time.
const TICK: Duration = Duration::from_millis(100);
/// What may wait to be taken.
const WAITING: usize = 256;
/// Pieces of sound that may still be asked for: the latest growth and the latest pause.
const CLIPS: usize = 2;
/// Samples of the longest sound that Whisper hears as one: 30 s.
const LONGEST: usize = 30 * LISTENING_RATE as usize;

/// Who hears and understands.
pub trait Mind: Send + Sync + 'static {
    /// What words were found to be about, to be shown.
    type Found: Send + 'static;

    /// The words of somebody who still speaks; `None`: they could not be heard.
    fn draft(&self, sound: Utterance) -> impl Future<Output = Option<String>> + Send;

    /// The words of an utterance that is likely over; `None`: they could not be heard.
    fn hear(&self, sound: Utterance) -> impl Future<Output = Option<String>> + Send;

    /// What was said is about. Changes nothing.
    fn read(&self, said: Said) -> impl Future<Output = (Reading, Self::Found)> + Send;
}

/// What is told to whoever runs the conversation.
#[derive(Debug, Clone, PartialEq)]
pub enum Told<F> {
    Show(View),
    Found(F),
    /// Loudness now and of the place, in dB of full scale.
    Level {
        now: f32,
        place: f32,
    },
    /// The loudspeaker is to stop, to go on, to be silent.
    Hold,
    GoOn,
    Hush,
    /// These words are the shopper's turn; `again`: in the place of the turn before.
    Asked {
        words: String,
        again: bool,
        moments: Moments,
    },
    /// Whether there is a microphone.
    Hears(bool),
}

/// When what became a turn happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moments {
    /// Its last voiced sample came.
    pub spoken: Instant,
    /// Its words were there.
    pub heard: Instant,
    /// It was taken for whole.
    pub asked: Instant,
}

/// What the conversation is told.
enum Order {
    Event(Event),
    Speaks(bool),
}

/// The handle: with the last clone of it, the conversation ends.
#[derive(Clone)]
pub struct Conversation {
    orders: mpsc::Sender<Order>,
}

impl Conversation {
    /// Begins to take turns. `start` starts the listener that tells what it is given.
    ///
    /// # Errors
    /// Those of `start`.
    pub fn begin<M: Mind, E>(
        mind: Arc<M>,
        manner: Manner,
        start: impl FnOnce(Box<dyn FnMut(Heard) + Send>) -> Result<Listener, E>,
        told: impl FnMut(Told<M::Found>) + Send + 'static,
    ) -> Result<Self, E> {
        let (orders, asked) = mpsc::channel(WAITING);
        let (ears, hears) = mpsc::channel(WAITING);
        let listener = start(Box::new(move |heard| match heard {
            // The next one follows soon.
            Heard::Level { .. } | Heard::Growing(_) => drop(ears.try_send(heard)),
            // A conversation that is that far behind has to catch up before more is said; the
            // microphone's ring holds what comes meanwhile.
            _ => drop(ears.blocking_send(heard)),
        }))?;
        let (done, results) = mpsc::channel(WAITING);
        let driver = Driver {
            mind,
            listener,
            told,
            done,
            talk: Talk::new(manner),
            began: Instant::now(),
            clips: VecDeque::new(),
            clip: 0,
            found: None,
            work: None,
            hearing: None,
            asked: None,
            spoken: None,
            heard: None,
        };
        tokio::spawn(driver.run(asked, hears, results));
        Ok(Self { orders })
    }

    /// The shopper wants to speak.
    pub fn call(&self, call: Call) {
        self.send(Order::Event(Event::Called(call)));
    }

    /// They say that they are done.
    pub fn let_go(&self) {
        self.send(Order::Event(Event::LetGo));
    }

    /// They do something else, or are gone.
    pub fn leave(&self) {
        self.send(Order::Event(Event::Left));
    }

    /// The turn is answered; `speaks`: an answer will be said aloud.
    pub fn answered(&self, speaks: bool) {
        self.send(Order::Event(Event::Answered { speaks }));
    }

    /// The loudspeaker begins or ends.
    pub fn speaks(&self, speaks: bool) {
        self.send(Order::Speaks(speaks));
    }

    fn send(&self, order: Order) {
        if self.orders.try_send(order).is_err() {
            tracing::warn!("the conversation does not answer");
        }
    }
}

/// What an engine brought.
enum Done<F> {
    Heard(Clip, Option<String>),
    HeardWhole(Clip, Option<String>),
    Read(Clip, Reading, F),
}

/// How a clip is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Draft,
    Good,
    /// With the turn before, as one.
    Whole,
}

struct Driver<M: Mind, T> {
    mind: Arc<M>,
    listener: Listener,
    told: T,
    done: mpsc::Sender<Done<M::Found>>,
    talk: Talk,
    began: Instant,
    clips: VecDeque<(Clip, Utterance)>,
    clip: Clip,
    /// What the words of a clip were found to be about, until it is shown.
    found: Option<(Clip, M::Found)>,
    /// The hearing under way.
    work: Option<AbortHandle>,
    /// The sound that was heard for good last, and all of the latest turn's while it may be
    /// gone on with.
    hearing: Option<Utterance>,
    asked: Option<Utterance>,
    /// When the last voiced sample of the utterance came, and its words.
    spoken: Option<Instant>,
    heard: Option<Instant>,
}

impl<M: Mind, T: FnMut(Told<M::Found>)> Driver<M, T> {
    async fn run(
        mut self,
        mut orders: mpsc::Receiver<Order>,
        mut hears: mpsc::Receiver<Heard>,
        mut results: mpsc::Receiver<Done<M::Found>>,
    ) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let event = tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(Order::Event(event)) => Some(event),
                    Some(Order::Speaks(speaks)) => {
                        self.listener.set_speaks(speaks);
                        Some(Event::Speaks(speaks))
                    }
                    None => break,
                },
                heard = hears.recv() => match heard {
                    Some(heard) => self.event(heard),
                    None => break,
                },
                Some(done) = results.recv() => Some(match done {
                    Done::Heard(clip, words) => {
                        self.heard = Some(Instant::now());
                        Event::Heard(clip, words)
                    }
                    Done::HeardWhole(clip, words) => {
                        self.heard = Some(Instant::now());
                        Event::HeardWhole(clip, words)
                    }
                    Done::Read(clip, reading, found) => {
                        self.found = Some((clip, found));
                        Event::Read(clip, reading)
                    }
                }),
                _ = tick.tick() => Some(Event::Tick),
            };
            let Some(event) = event else { continue };
            let commands = self.talk.update(event, self.began.elapsed());
            for command in commands {
                self.perform(command);
            }
            if !self.talk.is_engaged() {
                self.clips.clear();
                (self.found, self.hearing) = (None, None);
            }
            if !self.talk.may_go_on() {
                self.asked = None;
            }
        }
        self.give_up();
    }

    /// What turn taking makes of what the listener tells; sound stays here.
    fn event(&mut self, heard: Heard) -> Option<Event> {
        Some(match heard {
            Heard::Open(open) => {
                (self.told)(Told::Hears(open));
                Event::Deaf(!open)
            }
            Heard::Level { now, place } => {
                (self.told)(Told::Level { now, place });
                return None;
            }
            Heard::Began => {
                if !self.talk.awaits_words() {
                    (self.spoken, self.heard) = (None, None);
                }
                Event::Began
            }
            Heard::Growing(sound) => Event::Growing(self.keep(sound)),
            Heard::Paused { .. } | Heard::Ended { .. } if self.talk.awaits_words() => return None,
            Heard::Paused { sound, until } => {
                self.spoken = Some(until);
                Event::Paused(self.keep(sound))
            }
            Heard::Resumed => Event::Resumed,
            Heard::Ended { sound, until, loudness } => {
                self.spoken = Some(until);
                Event::Ended { clip: sound.map(|sound| self.keep(sound)), loudness }
            }
            Heard::Dropped => Event::Dropped,
        })
    }

    fn keep(&mut self, sound: Utterance) -> Clip {
        self.clip += 1;
        if self.clips.len() == CLIPS {
            self.clips.pop_front();
        }
        self.clips.push_back((self.clip, sound));
        self.clip
    }

    fn perform(&mut self, command: Command) {
        match command {
            Command::Listen(on) => self.listener.listen(on),
            Command::Patience(patience) => self.listener.set_patience(patience),
            Command::Finish => self.listener.finish(),
            Command::Draft(clip) => self.hear(clip, Way::Draft),
            Command::Hear(clip) => self.hear(clip, Way::Good),
            Command::HearWhole(clip) => self.hear(clip, Way::Whole),
            Command::GiveUp => self.give_up(),
            Command::Read(clip, said) => self.read(clip, said),
            Command::ShowFound(clip) => {
                if let Some((_, found)) = self.found.take_if(|(of, _)| *of == clip) {
                    (self.told)(Told::Found(found));
                }
            }
            Command::Hold => (self.told)(Told::Hold),
            Command::GoOn => (self.told)(Told::GoOn),
            Command::Hush => {
                self.listener.set_speaks(false);
                (self.told)(Told::Hush);
            }
            Command::Ask(words) => self.ask(words, false),
            Command::AskAgain(words) => self.ask(words, true),
            Command::Show(view) => (self.told)(Told::Show(view)),
        }
    }

    /// Has a clip heard, in the place of what is being heard.
    fn hear(&mut self, clip: Clip, way: Way) {
        self.give_up();
        let Some(sound) = self.clips.iter().find(|(of, _)| *of == clip).map(|(_, sound)| Arc::clone(sound))
        else {
            return;
        };
        let sound = match way {
            Way::Draft => Some(sound),
            Way::Good => Some(Arc::clone(self.hearing.insert(sound))),
            Way::Whole => self.whole(&sound),
        };
        let (mind, done) = (Arc::clone(&self.mind), self.done.clone());
        let task = tokio::spawn(async move {
            let words = match sound {
                Some(sound) if way == Way::Draft => mind.draft(sound).await,
                Some(sound) => mind.hear(sound).await,
                None => None,
            };
            let heard = match way {
                Way::Whole => Done::HeardWhole(clip, words),
                Way::Draft | Way::Good => Done::Heard(clip, words),
            };
            let _ = done.send(heard).await;
        });
        self.work = Some(task.abort_handle());
    }

    /// The latest turn's sound and `sound` as one, where that is not too long.
    fn whole(&self, sound: &Utterance) -> Option<Utterance> {
        let before = self.asked.as_ref()?;
        Some(joined(before, sound)).filter(|whole| whole.len() <= LONGEST)
    }

    fn read(&self, clip: Clip, said: Said) {
        let (mind, done) = (Arc::clone(&self.mind), self.done.clone());
        tokio::spawn(async move {
            let (reading, found) = mind.read(said).await;
            let _ = done.send(Done::Read(clip, reading, found)).await;
        });
    }

    fn ask(&mut self, words: String, again: bool) {
        let sound = self.hearing.take();
        self.asked = match &sound {
            Some(sound) if again => self.whole(sound),
            _ => sound,
        };
        let asked = Instant::now();
        let moments =
            Moments { spoken: self.spoken.unwrap_or(asked), heard: self.heard.unwrap_or(asked), asked };
        (self.told)(Told::Asked { words, again, moments });
    }

    fn give_up(&mut self) {
        if let Some(work) = self.work.take() {
            work.abort();
        }
    }
}
