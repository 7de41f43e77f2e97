// SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause
//! The table as a picture: bars on logarithmic scales.

use std::fmt::Write as _;

use crate::{CONTENDERS, Row};

const PANEL: f64 = 150.0;
const LEFT: f64 = 160.0;
const WIDTH: f64 = 760.0;
const BARS: f64 = WIDTH - LEFT - 90.0;

/// The picture.
pub fn svg(rows: &[Row]) -> String {
    type Panel = (&'static str, fn(&Row) -> f64, fn(f64) -> String);
    let panels: [Panel; 4] = [
        ("Cold: open the kernel's BTF and relocate the median object", |row| row.cold.median, crate::time),
        ("Warm: relocate the median object once more", |row| row.warm.median, crate::time),
        ("1,000 objects in a row", |row| row.row.median, crate::time),
        ("Peak heap, cold", |row| row.cold_heap, crate::bytes),
    ];
    let height = PANEL * panels.len() as f64 + 24.0;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <!-- SPDX-License-Identifier: LGPL-2.1-only OR BSD-2-Clause; written by make bench -->\n\
         <title>corelo beside libbpf, aya-obj and the floor, on logarithmic scales</title>\n\
         <style>text {{ fill: #222 }} .bar {{ fill: #9aa5b1 }} .own {{ fill: #2f6fb0 }} .grid {{ stroke: #ccc }}\n\
         @media (prefers-color-scheme: dark) {{ text {{ fill: #ddd }} .grid {{ stroke: #444 }} }}</style>\n"
    );
    for (i, (title, value, format)) in panels.into_iter().enumerate() {
        let top = PANEL * i as f64 + 18.0;
        let values: Vec<f64> = rows.iter().map(|row| value(row).max(1.0)).collect();
        let low = values.iter().fold(f64::MAX, |low, value| low.min(*value)).log10().floor();
        let high = values.iter().fold(0.0_f64, |high, value| high.max(*value)).log10().ceil().max(low + 1.0);
        let x = |value: f64| LEFT + (value.log10() - low) / (high - low) * BARS;
        let _ = writeln!(text, "<text x=\"0\" y=\"{top}\" font-weight=\"bold\">{title}</text>");
        for power in 0..=(high - low) as i32 {
            let at = x(10_f64.powf(low + f64::from(power)));
            let _ = writeln!(
                text,
                "<line class=\"grid\" x1=\"{at:.1}\" x2=\"{at:.1}\" y1=\"{:.1}\" y2=\"{:.1}\"/>",
                top + 8.0,
                top + 116.0
            );
        }
        for (j, (name, value)) in CONTENDERS.iter().zip(&values).enumerate() {
            let y = top + 12.0 + 21.0 * j as f64;
            let class = if *name == "corelo" { "own" } else { "bar" };
            let name = format!("{name} {}", rows[j].version);
            let end = x(*value);
            let _ = writeln!(
                text,
                "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{name}</text>\
                 <rect class=\"{class}\" x=\"{LEFT}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"16\"/>\
                 <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
                LEFT - 6.0,
                y + 12.0,
                (end - LEFT).max(1.0),
                end + 5.0,
                y + 12.0,
                format(*value)
            );
        }
    }
    text + "</svg>\n"
}
