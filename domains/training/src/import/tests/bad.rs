//! One row for each kind of bad input: the code that an app gets.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use platform_model::Code;

use crate::fixtures;
use crate::import::{FILE_BYTES_MAX, UNPACKED_BYTES_MAX, import};
use crate::model::Channel;
use crate::model::records::RECORDS_MAX;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

fn gpx(points: &str) -> Vec<u8> {
    format!("<gpx version=\"1.1\"><trk><trkseg>{points}</trkseg></trk></gpx>").into_bytes()
}

const BILLION_LAUGHS: &str = r#"<?xml version="1.0"?>
<!DOCTYPE gpx [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;">]>
<gpx><trk><name>&c;</name></trk></gpx>"#;
const OUTSIDE_ENTITY: &str =
    r#"<!DOCTYPE gpx [<!ENTITY f SYSTEM "file:///etc/passwd">]><gpx><name>&f;</name></gpx>"#;

type Row = (&'static str, Vec<u8>, Code);

/// Files of another kind than those that are taken.
fn foreign() -> Vec<Row> {
    let deep = format!("<gpx>{}", "<a>".repeat(100_000));
    let files: [(&str, &[u8]); 12] = [
        ("a text", b"hello, world"),
        ("a picture", b"\x89PNG\r\n\x1a\n"),
        ("a zip", b"PK\x03\x04...."),
        ("a page", b"<!doctype html><html></html>"),
        ("other XML", b"<?xml version='1.0'?><kml/>"),
        ("UTF-16", b"\xff\xfe<\0g\0p\0x\0"),
        (
            "bytes that are no XML after all",
            fixtures::get("badcharacter.xml"),
        ),
        ("entities in entities", BILLION_LAUGHS.as_bytes()),
        ("an entity from outside", OUTSIDE_ENTITY.as_bytes()),
        ("elements without end", deep.as_bytes()),
        ("a gzip of a text", &gzip(b"hello")),
        ("a gzip of a gzip", &gzip(&gzip(b"hello"))),
    ];
    files
        .into_iter()
        .map(|(what, bytes)| (what, bytes.to_vec(), Code::UnsupportedFile))
        .collect()
}

/// Files of a kind that is taken, with no workout in them.
fn hollow() -> Vec<Row> {
    let early = gpx("<trkpt lat='1' lon='1'><time>1889-01-01T00:00:00Z</time></trkpt>");
    let late = gpx("<trkpt lat='1' lon='1'><time>9999-01-01T00:00:00Z</time></trkpt>");
    let files: [(&str, &[u8]); 8] = [
        ("no bytes", b""),
        ("a route", fixtures::get("strava_route_example.gpx")),
        ("a GPX without a point", fixtures::get("empty_name_tag.gpx")),
        ("FIT settings", fixtures::get("Settings.fit")),
        ("FIT weights", fixtures::get("WeightScaleSingleUser.fit")),
        ("a gzip of nothing", &gzip(b"")),
        ("a year before 1990", &early),
        ("a year after 2100", &late),
    ];
    files
        .into_iter()
        .map(|(what, bytes)| (what, bytes.to_vec(), Code::EmptyFile))
        .collect()
}

/// Files that are damaged before their first record.
fn damaged() -> Vec<Row> {
    let mut absurd = b"\x0e\x20\0\0\xff\xff\xff\xff.FIT\0\0".to_vec();
    absurd.extend([0x40, 0, 0, 20, 0, 255].repeat(200));
    let files: [(&str, &[u8]); 5] = [
        ("XML that breaks at once", b"<?xml version='1.0'?><gp"),
        ("a GPX that breaks before a point", b"<gpx><trk><trkseg><trkpt la"),
        ("a FIT header alone", &fixtures::get("Activity.fit")[..12]),
        ("FIT definitions that are absurd", &absurd),
        ("a gzip that is damaged", b"\x1f\x8b\x08\0garbage"),
    ];
    files
        .into_iter()
        .map(|(what, bytes)| (what, bytes.to_vec(), Code::CorruptFile))
        .collect()
}

/// Files that are larger, as sent or inside, than anyone records.
fn large() -> Vec<Row> {
    let bomb = gzip(&vec![b' '; UNPACKED_BYTES_MAX + 1]);
    assert!(bomb.len() < FILE_BYTES_MAX, "a bomb is small");
    let point = |at: usize| {
        let (minute, second, ms) = (at / 60_000 % 60, at / 1_000 % 60, at % 1_000);
        format!("<trkpt lat='1' lon='1'><time>2020-05-05T01:{minute:02}:{second:02}.{ms:03}Z</time></trkpt>")
    };
    let endless = gpx(&(0..=RECORDS_MAX).map(point).collect::<String>());
    let mut empty_messages = b"\x0e\x20\0\0\0\0\0\0.FIT\0\0\x40\0\0\x14\0\0".to_vec();
    empty_messages.resize(3_000_000, 0);
    let files = [
        ("a gzip bomb", bomb),
        ("more records than are taken", endless),
        ("messages without end", empty_messages),
        ("a file that is too large", vec![0; FILE_BYTES_MAX + 1]),
    ];
    files
        .into_iter()
        .map(|(what, bytes)| (what, bytes, Code::FileTooLarge))
        .collect()
}

#[test]
fn each_bad_file_gets_its_code() {
    for (what, bytes, code) in [foreign(), hollow(), damaged(), large()].concat() {
        let error = import(&bytes).expect_err(what);
        assert_eq!(error.problem().code, code, "{what}: {error}");
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn a_whole_gzip_is_its_content_and_a_cut_one_is_flagged() {
    for name in ["hrv-activity.fit", "garmin-activity.gpx", "20210323_yoga.tcx"] {
        let plain = import(fixtures::get(name)).expect(name);
        let packed = gzip(fixtures::get(name));
        assert_eq!(import(&packed).expect(name), plain);
        let cut = import(&packed[..packed.len() / 2]).expect(name);
        assert!(
            cut.quality.truncated && cut.records.len() < plain.records.len(),
            "{name}"
        );
    }
}

#[test]
fn what_is_absurd_inside_is_dropped_and_counted() {
    let good = "<trkpt lat='47.0' lon='11.0'><ele>500</ele><time>2020-05-05T10:00:00Z</time></trkpt>";
    let wrong = "<trkpt lat='97.0' lon='11.0'><ele>NaN</ele><time>2020-05-05T10:00:01Z</time>\
                 <extensions><hr>9999</hr><power>1e308</power><cad>inf</cad></extensions></trkpt>";
    let far = "<trkpt lat='47.0' lon='11.0'><time>2055-05-05T10:00:00Z</time></trkpt>";
    let timeless = "<trkpt lat='47.0' lon='11.0'></trkpt>";
    let workout = import(&gpx(&format!("{good}{wrong}{far}{timeless}"))).expect("one good point");
    assert_eq!(workout.records.len(), 2);
    assert_eq!(workout.records.column(Channel::Latitude), [Some(47.0), None]);
    assert!(!workout.records.has(Channel::HeartRate) && !workout.records.has(Channel::Power));
    assert_eq!(workout.quality.records_dropped, 2);
    assert_eq!(
        workout.quality.values_dropped, 3,
        "latitude, heart rate, power; NaN and inf are no numbers"
    );
}

#[test]
fn entities_that_xml_knows_by_itself_are_read() {
    let text = "<gpx creator='a'><trk><name>Up &amp; down &#x26; &unknown;</name><trkseg>\
                <trkpt lat='47.0' lon='11.0'><time>2020-05-05T10:00:00Z</time></trkpt></trkseg></trk></gpx>";
    assert_eq!(
        import(text.as_bytes()).expect("a workout").name.as_deref(),
        Some("Up & down &")
    );
}

#[test]
fn gpx_1_0_is_read() {
    let text = "<gpx version='1.0' xmlns='http://www.topografix.com/GPX/1/0'><trk><trkseg><trkpt lat='47.0' lon='11.0'>\
                <ele>5</ele><time>2020-05-05T10:00:00Z</time><speed>2.5</speed></trkpt></trkseg></trk></gpx>";
    let workout = import(text.as_bytes()).expect("a workout");
    assert_eq!(workout.records.column(Channel::Speed), [Some(2.5)]);
}
