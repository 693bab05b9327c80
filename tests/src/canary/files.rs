//! Workout files with a canary in each place that tells something of a person.

use super::values::{Position, semicircles};

/// What a file tells.
pub struct Told {
    pub title: String,
    pub notes: String,
    pub device: String,
    pub serial: String,
    pub positions: Vec<Position>,
}

/// A track with a point each second.
pub fn gpx(told: &Told) -> Vec<u8> {
    let point = |(second, at): (usize, &Position)| {
        let (latitude, longitude) = (at.latitude, at.longitude);
        format!(
            "<trkpt lat=\"{latitude:.9}\" lon=\"{longitude:.9}\"><ele>512</ele>\
             <time>2026-05-01T08:00:{second:02}Z</time></trkpt>"
        )
    };
    let points: String = told.positions.iter().enumerate().map(point).collect();
    let Told {
        title,
        notes,
        device,
        serial,
        ..
    } = told;
    format!(
        "<?xml version=\"1.0\"?><gpx version=\"1.1\" creator=\"{device}\" \
         xmlns=\"http://www.topografix.com/GPX/1/1\"><metadata><name>{title}</name><desc>{notes}</desc>\
         <keywords>{serial}</keywords></metadata><trk><name>{title}</name><cmt>{notes}</cmt>\
         <desc>{notes}</desc><trkseg>{points}</trkseg></trk></gpx>"
    )
    .into_bytes()
}

/// A track of `cli_world::app::track`, with that heart rate at each point.
///
/// # Panics
/// If it is no text.
pub fn with_heart_rate(gpx: Vec<u8>, per_minute: u32) -> Vec<u8> {
    let text = String::from_utf8(gpx).expect("a GPX file is text");
    let measured = format!(
        "<extensions><gpxtpx:TrackPointExtension><gpxtpx:hr>{per_minute}</gpxtpx:hr>\
         </gpxtpx:TrackPointExtension></extensions></trkpt>"
    );
    let named =
        "<gpx xmlns:gpxtpx=\"http://www.garmin.com/xmlschemas/TrackPointExtension/v1\" version=\"1.1\"";
    text.replace("</trkpt>", &measured)
        .replace("<gpx version=\"1.1\"", named)
        .into_bytes()
}

/// An activity with one lap.
pub fn tcx(told: &Told) -> Vec<u8> {
    let point = |(second, at): (usize, &Position)| {
        let (latitude, longitude) = (at.latitude, at.longitude);
        format!(
            "<Trackpoint><Time>2026-05-02T08:00:{second:02}Z</Time><Position><LatitudeDegrees>{latitude:.9}\
             </LatitudeDegrees><LongitudeDegrees>{longitude:.9}</LongitudeDegrees></Position>\
             <HeartRateBpm><Value>1{second:02}</Value></HeartRateBpm></Trackpoint>"
        )
    };
    let points: String = told.positions.iter().enumerate().map(point).collect();
    let Told {
        title,
        notes,
        device,
        serial,
        ..
    } = told;
    format!(
        "<?xml version=\"1.0\"?><TrainingCenterDatabase \
         xmlns=\"http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2\"><Activities>\
         <Activity Sport=\"Running\"><Id>2026-05-02T08:00:00Z</Id><Lap StartTime=\"2026-05-02T08:00:00Z\">\
         <TotalTimeSeconds>10</TotalTimeSeconds><DistanceMeters>30</DistanceMeters><Notes>{notes}</Notes>\
         <Track>{points}</Track></Lap><Notes>{title}</Notes><Creator><Name>{device}</Name>\
         <UnitId>{serial}</UnitId></Creator></Activity></Activities></TrainingCenterDatabase>"
    )
    .into_bytes()
}

/// A FIT activity: `file_id` with serial number and product name, `sport` with a name, records with positions.
pub fn fit(told: &Told, serial_number: u32) -> Vec<u8> {
    let mut data = Vec::new();
    define(&mut data, 0, 0, &[(0, 1, 0), (3, 4, 0x8c), (8, 20, 7)]);
    data.push(0);
    data.push(4);
    data.extend(serial_number.to_le_bytes());
    data.extend(text(&told.device));
    define(&mut data, 1, 12, &[(3, 20, 7)]);
    data.push(1);
    data.extend(text(&told.title));
    define(&mut data, 2, 20, &[(253, 4, 0x86), (0, 4, 0x85), (1, 4, 0x85)]);
    for (second, at) in (0..).zip(&told.positions) {
        data.push(2);
        // 2026-05-03, in seconds since FIT's own epoch.
        data.extend((1_146_700_000_u32 + second).to_le_bytes());
        data.extend(semicircles(at.latitude).to_le_bytes());
        data.extend(semicircles(at.longitude).to_le_bytes());
    }
    let length = u32::try_from(data.len()).expect("a short file");
    let mut file = vec![12, 0x10, 0xd9, 0x07];
    file.extend(length.to_le_bytes());
    file.extend(b".FIT");
    file.extend(data);
    file.extend(checksum(&file).to_le_bytes());
    file
}

/// A definition message: local number, global number, (field, bytes, base type).
fn define(data: &mut Vec<u8>, local: u8, global: u16, fields: &[(u8, u8, u8)]) {
    data.extend([0x40 | local, 0, 0]);
    data.extend(global.to_le_bytes());
    data.push(u8::try_from(fields.len()).expect("few fields"));
    data.extend(
        fields
            .iter()
            .flat_map(|(field, bytes, kind)| [*field, *bytes, *kind]),
    );
}

/// A text field of 20 bytes.
fn text(text: &str) -> [u8; 20] {
    let bytes = text.as_bytes();
    std::array::from_fn(|at| {
        if at < 19 {
            bytes.get(at).copied().unwrap_or(0)
        } else {
            0
        }
    })
}

/// The checksum of FIT: CRC-16 with the polynomial 0xA001, no start value.
fn checksum(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |before, byte| {
        (0..8).fold(before ^ u16::from(*byte), |crc, _| {
            if crc & 1 == 1 { crc >> 1 ^ 0xa001 } else { crc >> 1 }
        })
    })
}
