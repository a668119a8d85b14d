//! All that the window shows, as plain values: what the state machine of the visit keeps,
//! and the window draws.

use super::{
    attract, chrome, compare, consent, feedback, for_you, help, home, list, listening, maintenance, map,
    outage, product, results, search,
};

#[derive(Debug, Clone, PartialEq)]
pub struct Screen {
    pub chrome: chrome::Model,
    pub attract: attract::Model,
    pub home: home::Model,
    pub search: search::Model,
    pub listening: listening::Model,
    pub results: results::Model,
    pub product: Option<product::Model>,
    pub compare: compare::Model,
    pub list: list::Model,
    pub map: map::Model,
    pub for_you: for_you::Model,
    pub feedback: feedback::Model,
    pub consent: consent::Model,
    pub help: help::Model,
    pub outage: outage::Model,
    pub maintenance: maintenance::Model,
}
