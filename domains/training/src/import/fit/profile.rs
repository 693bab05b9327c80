//! The part of the FIT profile that a workout needs: numbers of messages and fields, with their scales.

use fitparser::Value;
use fitparser::de::FitDataMessage;

use crate::model::{Channel, Figures};

pub const FILE_ID: u16 = 0;
pub const SPORT: u16 = 12;
pub const SESSION: u16 = 18;
pub const LAP: u16 = 19;
pub const RECORD: u16 = 20;
pub const EVENT: u16 = 21;
pub const FIELD_DESCRIPTION: u16 = 206;

pub const TIMESTAMP: u8 = 253;
/// Of a session and of a lap.
pub const START_TIME: u8 = 2;
/// Speed and distance in 12 bits each.
pub const COMPRESSED_SPEED_DISTANCE: u8 = 8;

/// Seconds from 1970-01-01 to 1989-12-31, where FIT counts from.
const EPOCH_S: i64 = 631_065_600;
/// Degrees of one semicircle.
const SEMICIRCLE: f64 = 180.0 / 2_147_483_648.0;

/// `(field, channel, scale, offset)`; a later row stands over an earlier one (the "enhanced" fields).
const RECORD_FIELDS: [(u8, Channel, f64, f64); 11] = [
    (0, Channel::Latitude, 1.0 / SEMICIRCLE, 0.0),
    (1, Channel::Longitude, 1.0 / SEMICIRCLE, 0.0),
    (2, Channel::Altitude, 5.0, 500.0),
    (78, Channel::Altitude, 5.0, 500.0),
    (3, Channel::HeartRate, 1.0, 0.0),
    (4, Channel::Cadence, 1.0, 0.0),
    (5, Channel::Distance, 100.0, 0.0),
    (6, Channel::Speed, 1_000.0, 0.0),
    (73, Channel::Speed, 1_000.0, 0.0),
    (7, Channel::Power, 1.0, 0.0),
    (13, Channel::Temperature, 1.0, 0.0),
];

/// A field as a number, as it stands in the file.
pub fn number(message: &FitDataMessage, field: u8) -> Option<f64> {
    match message.fields().get(&field)? {
        Value::Byte(v) | Value::Enum(v) | Value::UInt8(v) | Value::UInt8z(v) => Some(f64::from(*v)),
        Value::SInt8(v) => Some(f64::from(*v)),
        Value::UInt16(v) | Value::UInt16z(v) => Some(f64::from(*v)),
        Value::SInt16(v) => Some(f64::from(*v)),
        Value::UInt32(v) | Value::UInt32z(v) => Some(f64::from(*v)),
        Value::SInt32(v) => Some(f64::from(*v)),
        Value::Float32(v) => Some(f64::from(*v)).filter(|v| v.is_finite()),
        Value::Float64(v) => Some(*v).filter(|v| v.is_finite()),
        _ => None,
    }
}

pub fn text(message: &FitDataMessage, field: u8) -> Option<&str> {
    match message.fields().get(&field)? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// Seconds since FIT's epoch.
pub fn seconds(message: &FitDataMessage, field: u8) -> Option<u32> {
    match message.fields().get(&field)? {
        Value::UInt32(seconds) => Some(*seconds),
        _ => None,
    }
}

pub fn unix_ms(seconds: u32) -> i64 {
    (EPOCH_S + i64::from(seconds)) * 1_000
}

/// `(channel, value)` of a record's fields.
pub fn record_values(message: &FitDataMessage) -> impl Iterator<Item = (Channel, f64)> + '_ {
    RECORD_FIELDS
        .iter()
        .filter_map(|(field, channel, scale, offset)| {
            number(message, *field).map(|value| (*channel, value / scale - offset))
        })
}

/// `(speed in m/s, distance in 1/16 m modulo 4,096)`.
pub fn compressed_speed_distance(message: &FitDataMessage) -> Option<(f64, u32)> {
    let Value::Array(parts) = message.fields().get(&COMPRESSED_SPEED_DISTANCE)? else {
        return None;
    };
    let [Value::Byte(a), Value::Byte(b), Value::Byte(c)] = parts.as_slice() else {
        return None;
    };
    let speed = u16::from(*a) | (u16::from(*b) & 0x0f) << 8;
    let distance = u32::from(*b) >> 4 | u32::from(*c) << 4;
    Some((f64::from(speed) / 100.0, distance))
}

/// The figures of a session.
pub fn session_figures(message: &FitDataMessage) -> Figures {
    let field = |number_of: u8, scale: f64| number(message, number_of).map(|value| value / scale);
    Figures {
        elapsed_s: field(7, 1_000.0),
        timer_s: field(8, 1_000.0),
        moving_s: field(59, 1_000.0),
        distance_m: field(9, 100.0),
        energy_kcal: field(11, 1.0),
        speed_avg: field(124, 1_000.0).or_else(|| field(14, 1_000.0)),
        speed_max: field(125, 1_000.0).or_else(|| field(15, 1_000.0)),
        heart_rate_avg: field(16, 1.0),
        heart_rate_max: field(17, 1.0),
        cadence_avg: field(18, 1.0),
        power_avg: field(20, 1.0),
        power_max: field(21, 1.0),
        ascent_m: field(22, 1.0),
        descent_m: field(23, 1.0),
    }
    .believed()
}

/// The figures of a lap.
pub fn lap_figures(message: &FitDataMessage) -> Figures {
    let field = |number_of: u8, scale: f64| number(message, number_of).map(|value| value / scale);
    Figures {
        elapsed_s: field(7, 1_000.0),
        timer_s: field(8, 1_000.0),
        moving_s: field(52, 1_000.0),
        distance_m: field(9, 100.0),
        energy_kcal: field(11, 1.0),
        speed_avg: field(110, 1_000.0).or_else(|| field(13, 1_000.0)),
        speed_max: field(111, 1_000.0).or_else(|| field(14, 1_000.0)),
        heart_rate_avg: field(15, 1.0),
        heart_rate_max: field(16, 1.0),
        cadence_avg: field(17, 1.0),
        power_avg: field(19, 1.0),
        power_max: field(20, 1.0),
        ascent_m: field(21, 1.0),
        descent_m: field(22, 1.0),
    }
    .believed()
}
