//! Every setting there is: one line of meaning, its default and its range.

use super::source::{Entries, Spec};
use super::value::{Allowed, Any, Between, Chars, Digits, HexColour, OneOf, Setting};

macro_rules! settings {
    ($( #[doc = $about:literal] $section:ident : $Type:ident {
        $( #[doc = $doc:literal] $key:ident : $T:ty = $default:expr, $range:expr; )*
    } )*) => {
        $(
            #[doc = $about]
            #[derive(Debug, Clone, PartialEq)]
            pub struct $Type { $( #[doc = $doc] pub $key: $T, )* }
        )*

        /// All settings, typed and within their ranges.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Settings { $( #[doc = $about] pub $section: $Type, )* }

        impl Default for Settings {
            fn default() -> Self {
                Self { $( $section: $Type { $( $key: $default, )* }, )* }
            }
        }

        impl Settings {
            /// Lays `entries` over these settings; each bad value is reported
            /// and leaves its key as it was.
            pub(super) fn lay(&mut self, entries: &mut Entries) {
                $( $(
                    if let Some(raw) = entries.get(stringify!($section), stringify!($key)) {
                        let value = <$T as Setting>::read(&raw).and_then(|value| {
                            match Allowed::<$T>::objection(&$range, &value) {
                                None => Ok(value),
                                Some(objection) => Err(objection),
                            }
                        });
                        match value {
                            Ok(value) => self.$section.$key = value,
                            Err(why) => entries.object(stringify!($section), stringify!($key), why),
                        }
                    }
                )* )*
            }

            /// Every key with its documentation, in order.
            pub(super) fn specs(&self) -> Vec<Spec> {
                vec![ $( $( Spec {
                    section: stringify!($section),
                    about: str::trim($about),
                    key: stringify!($key),
                    doc: str::trim($doc),
                    range: Allowed::<$T>::words(&$range),
                    value: self.$section.$key.show(),
                }, )* )* ]
            }
        }
    };
}

settings! {
    /// The shop: what the kiosk may say of it when asked.
    store: Store {
        /// The shop's name.
        name: String = "Aisle Demo Market".into(), Chars(80);
        /// Opening hours, as they are said.
        hours: String = "We are open from 7 am to 10 pm, every day.".into(), Chars(300);
        /// How goods are returned.
        returns: String = "You can return unopened goods within 30 days with the receipt, at the service desk.".into(), Chars(300);
        /// Where the toilets are.
        toilets: String = "The toilets are behind the café, next to the entrance.".into(), Chars(300);
        /// Ways to pay.
        payment: String = "You can pay by cash, card or phone at any register.".into(), Chars(300);
        /// Parking.
        parking: String = "Parking is free for two hours while you shop.".into(), Chars(300);
        /// Where a person helps.
        service_desk: String = "A colleague at the service desk, next to the entrance, will gladly help you.".into(), Chars(300);
    }
    /// Hearing: the speech-to-text worker.
    asr: Asr {
        /// Model, a name from models/manifest.toml.
        model: String = "whisper-base".into(), Chars(80);
        /// Language that is listened for, an ISO 639-1 code.
        language: String = "en".into(), OneOf(&["en", "de", "es", "fr"]);
        /// Processor threads.
        threads: u32 = 2, Between(1, 64);
        /// Readings of an utterance that are followed side by side; fewer are quicker.
        beam: u32 = 1, Between(1, 8);
        /// Longest recording that is heard, in seconds.
        max_seconds: f64 = 60.0, Between(1.0, 300.0);
        /// Time after which a transcription is given up, in seconds.
        deadline_seconds: f64 = 30.0, Between(1.0, 600.0);
    }
    /// Understanding what rules leave: the language-model worker.
    llm: Llm {
        /// Whether it is used at all; without it rules answer alone.
        enabled: bool = true, Any;
        /// Model, a name from models/manifest.toml.
        model: String = "smollm2-135m-instruct".into(), Chars(80);
        /// Processor threads.
        threads: u32 = 2, Between(1, 64);
        /// Time after which the rules' own answer is taken, in seconds.
        deadline_seconds: f64 = 4.0, Between(0.1, 60.0);
    }
    /// Speaking: the voice.
    voice: Voice {
        /// Model, a name from models/manifest.toml.
        model: String = "piper-en_US-joe-medium".into(), Chars(80);
        /// Processor threads.
        threads: u32 = 2, Between(1, 64);
        /// Speaking rate against the voice's own: above 1 is faster.
        rate: f64 = 1.0, Between(0.5, 2.0);
        /// Loudness of the loudest sample, 1 being full scale.
        volume: f64 = 0.9, Between(0.0, 1.0);
    }
    /// Sound devices, by the names that `aisle doctor` lists.
    audio: Audio {
        /// Loudspeaker; empty takes the system's default.
        output: String = String::new(), Chars(200);
        /// Microphone; empty takes the system's default.
        input: String = String::new(), Chars(200);
    }
    /// The spoken conversation: when a shopper is done, and what is heard besides.
    listening: Listening {
        /// Whether the kiosk can be spoken to.
        enabled: bool = true, Any;
        /// Silence that ends what is whole, in milliseconds.
        brief_silence_ms: u32 = 350, Between(200, 3000);
        /// Silence that ends what may be whole, in milliseconds.
        usual_silence_ms: u32 = 900, Between(200, 5000);
        /// Silence that ends what breaks off, in milliseconds.
        patient_silence_ms: u32 = 1600, Between(200, 8000);
        /// How long it listens for the first word, in seconds.
        first_word_seconds: u32 = 8, Between(2, 60);
        /// How long it listens on after an answer, in seconds; 0: it has to be called each time.
        follow_up_seconds: u32 = 8, Between(0, 60);
        /// Whether a shopper can interrupt the kiosk's voice; without, it does not listen while it speaks.
        interruptible: bool = true, Any;
        /// Whether the kiosk's own voice is taken out of what it hears; without, it cannot be interrupted.
        echo_cancelled: bool = true, Any;
        /// How much of a steady noise is taken out of what is heard, recordings included.
        noise: String = "off".into(), OneOf(&["off", "low", "moderate", "high"]);
        /// Whether the voice gets louder and quieter with the place.
        volume_follows_noise: bool = true, Any;
    }
    /// The speech service for other programs, in the Wyoming protocol.
    service: Service {
        /// Where it answers: unix:///path or tcp://127.0.0.1:port; empty: not at all.
        address: String = String::new(), Chars(200);
        /// Whether it may answer other machines.
        remote: bool = false, Any;
        /// Most connections at a time; others are told so and closed.
        connections: u32 = 4, Between(1, 64);
    }
    /// The mirrored catalog and its search.
    catalog: Catalog {
        /// Most products shown for one answer.
        results: u32 = 6, Between(1, 50);
        /// Processor threads that compare products by meaning.
        threads: u32 = 2, Between(1, 64);
        /// Most products that an import itself makes ready for search by meaning; more are left to the running kiosk.
        embedded_at_import: u32 = 30_000, Between(0, 10_000_000);
        /// Highest believable price in a catalog file, in whole units of its currency.
        max_price: u32 = 100_000, Between(1, 100_000_000);
        /// Share of a catalog file's lines that may be bad before the whole file is refused.
        max_bad_share: f64 = 0.05, Between(0.0, 1.0);
        /// Age up to which a price is told as the present one, in hours; an older one is told as of its day.
        price_max_age_hours: u32 = 168, Between(1, 8760);
        /// Age up to which a stock is told as the present one, in hours.
        stock_max_age_hours: u32 = 24, Between(1, 8760);
        /// Folder of the products' photographs; empty takes photos in the data folder.
        photos: String = String::new(), Chars(400);
    }
    /// The conversation.
    dialog: Dialog {
        /// Pieces of one thing above which it is asked whether so many are meant.
        max_quantity: u32 = 24, Between(1, 1000);
        /// Cost of a list above which it is asked whether it is meant, in whole units of the currency.
        max_total: u32 = 500, Between(1, 1_000_000);
        /// File of occasions and pairings, written like firmware-config/occasions.toml; empty takes those of the program.
        occasions: String = String::new(), Chars(400);
        /// Idle time after which a conversation is erased, in seconds.
        idle_seconds: u32 = 90, Between(10, 3600);
    }
    /// The touch screen.
    screen: Screen {
        /// Language that a visit begins in, an ISO 639-1 code.
        language: String = "en".into(), OneOf(&["en", "es", "de", "fr"]);
        /// Whether it fills the display.
        fullscreen: bool = true, Any;
        /// Width of a window that does not, in pixels.
        width: u32 = 1080, Between(640, 7680);
        /// Height of it, in pixels.
        height: u32 = 1920, Between(480, 7680);
        /// How it is drawn: by the graphics processor where there is one (auto, femtovg), or without (software).
        renderer: String = "auto".into(), OneOf(&["auto", "femtovg", "software"]);
        /// Where it is drawn: in a desktop's window (winit), on the display itself (linuxkms), or what is found (auto).
        backend: String = "auto".into(), OneOf(&["auto", "winit", "linuxkms"]);
        /// Idle time after which it asks whether somebody is there, in seconds.
        ask_seconds: u32 = 60, Between(10, 3600);
        /// Time that this question is shown before the visit is erased, in seconds.
        erase_seconds: u32 = 20, Between(5, 300);
        /// PIN of the maintenance page, 4 to 8 digits; empty keeps that page shut.
        pin: String = String::new(), Digits(4, 8);
        /// Program that prints a list which it gets on its standard input, with its arguments; empty: no printer.
        print_command: Vec<String> = Vec::new(), Chars(200);
        /// Whether stage timings are shown over the pages, for developers.
        trace: bool = false, Any;
        /// Program that writes a line each time somebody comes near, with its arguments; empty: no presence sensor.
        presence_command: Vec<String> = Vec::new(), Chars(200);
    }
    /// Head office over MQTT: who answers, and who this kiosk is there.
    sync: Sync {
        /// Its broker as host:port, always encrypted, such as broker.example.com:8883; empty: the kiosk runs alone, and what it would tell waits.
        broker: String = String::new(), Chars(200);
        /// The retailer, as topics and certificates name it: 1 to 32 of a-z, 0-9, - and _, as for the three below.
        tenant: String = String::new(), Chars(32);
        /// The store.
        store: String = String::new(), Chars(32);
        /// This kiosk, unique in its store.
        kiosk: String = String::new(), Chars(32);
        /// Group of stores that carry the same catalog.
        group: String = "all".into(), Chars(32);
        /// Certificates of those who may vouch for the broker, a PEM file; "system" trusts whom this machine trusts.
        ca: String = String::new(), Chars(400);
        /// The kiosk's own certificate, a PEM file; empty where a user and a password say who it is.
        certificate: String = String::new(), Chars(400);
        /// The key of it, a PEM file that only Aisle's user can read.
        key: String = String::new(), Chars(400);
        /// The kiosk's user at the broker, where it has no certificate.
        user: String = String::new(), Chars(200);
        /// File with that user's password.
        password_file: String = String::new(), Chars(400);
        /// Head office's root keys, 64 hexadecimal digits each: what they do not vouch for is not taken.
        root_keys: Vec<String> = Vec::new(), Chars(64);
        /// How many of them must sign.
        root_signatures: u32 = 1, Between(1, 3);
        /// How often the kiosk says how it is, in seconds.
        status_seconds: u32 = 60, Between(5, 3600);
        /// Time over which kiosks spread the fetching of a new catalog, in seconds.
        spread_seconds: u32 = 30, Between(0, 3600);
        /// Most that may wait for head office, in megabytes; beyond it the least important goes.
        outbox_mb: u32 = 32, Between(1, 1024);
        /// Most of a catalog on its way down that is kept, in megabytes.
        staging_mb: u32 = 512, Between(16, 4096);
        /// Whether head office may restart the machine by a command; the system must let Aisle's user do it, see README.
        allow_reboot: bool = false, Any;
    }
    /// The machine that the kiosk runs on: when somebody is called for.
    machine: Machine {
        /// Free disk below which head office is told, in megabytes; below a fifth of it no catalog comes and no use is counted, so that orders, counts, prices and recalls still have room.
        low_disk_mb: u32 = 500, Between(5, 1_000_000);
        /// Temperature from which head office is told, in degrees Celsius, where the machine says it.
        hot_c: u32 = 85, Between(40, 120);
        /// How often head office is told of disk, memory and temperature, in seconds.
        health_seconds: u32 = 600, Between(5, 86_400);
    }
    /// Orders of what is made for the shopper. Head office is told of each where it has a broker.
    orders: Orders {
        /// The store's own program that takes them: each is posted as JSON to this address, such as http://127.0.0.1:8080/orders; empty: none.
        webhook: String = String::new(), Chars(400);
        /// File whose text it is told as a bearer token; empty: none.
        webhook_token_file: String = String::new(), Chars(400);
        /// How long the counted goods of an order are put aside for it, in minutes; 0: not at all.
        reserve_minutes: u32 = 0, Between(0, 10_080);
    }
    /// The store's point of sale, which tells what was sold: over local HTTP, and over MQTT where head office's broker is set. See README.
    pos: Pos {
        /// Where its sales come in over HTTP, as host:port such as 127.0.0.1:8091; empty: not at all.
        listen: String = String::new(), Chars(200);
        /// Whether other machines may reach it there; nothing is encrypted.
        remote: bool = false, Any;
        /// File with the token that it must know, 16 characters or more, such as `openssl rand -hex 32` makes; several, one a line, all count. Empty: no sales are taken.
        token_file: String = String::new(), Chars(400);
    }
    /// Customer cards: with the shopper's consent head office is asked what they bought before. Needs [sync], and somebody at head office who answers.
    loyalty: Loyalty {
        /// Whether the screen offers it.
        enabled: bool = false, Any;
    }
    /// Head office itself: `aisle office` publishes to kiosks and collects what they tell. {name} in a file or user stands for office, collect-1 for the first collector or loyalty-1 for who answers about customers.
    office: Office {
        /// Folder of the keys, of what is published and of what was collected; empty takes office in the data folder.
        data: String = String::new(), Chars(400);
        /// The broker as host:port, always encrypted, such as broker.example.com:8883.
        broker: String = String::new(), Chars(200);
        /// The retailer, as topics and certificates name it: 1 to 32 of a-z, 0-9, - and _.
        tenant: String = String::new(), Chars(32);
        /// Certificates of those who may vouch for the broker, a PEM file; "system" trusts whom this machine trusts.
        ca: String = String::new(), Chars(400);
        /// Head office's own certificate, a PEM file, such as /etc/aisle/office/{name}.pem; empty where a user and a password say who it is.
        certificate: String = String::new(), Chars(400);
        /// The key of it, a PEM file that only its owner can read.
        key: String = String::new(), Chars(400);
        /// The user at the broker, where there is no certificate, such as acme/{name}.
        user: String = String::new(), Chars(200);
        /// File with that user's password.
        password_file: String = String::new(), Chars(400);
        /// Collectors of this name share what kiosks tell; as for tenant.
        share: String = "collectors".into(), Chars(32);
        /// Days for which a collector holds what kiosks told, after which it lets go of it, but not before PostgreSQL has it, where that is set; stock is kept.
        keep_days: u32 = 400, Between(30, 36_500);
        /// File with the address of a PostgreSQL database that gets what kiosks tell as well, such as postgresql://aisle:PASSWORD@db.example.com/aisle; empty: none.
        postgres_file: String = String::new(), Chars(400);
        /// Certificates of those who may vouch for it, a PEM file; "system" trusts whom this machine trusts.
        postgres_ca: String = "system".into(), Chars(400);
    }
    /// How the retailer dresses the screen.
    brand: Brand {
        /// Colour of buttons and marks.
        colour: String = "#0f5c4a".into(), HexColour;
        /// Colour of offers.
        highlight: String = "#c53a18".into(), HexColour;
        /// Font of the text, a family that the system has; Inter comes with the program.
        font: String = "Inter".into(), Chars(80);
        /// Font of headlines, likewise.
        display_font: String = "Inter Display".into(), Chars(80);
        /// Picture in the place of the shop's name, a PNG or SVG file; empty shows the name.
        logo: String = String::new(), Chars(400);
    }
}
