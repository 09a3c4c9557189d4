//! Plots of a sweep, as a picture and as a page. Equal sweeps give equal bytes.

use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::*;

use super::part::{Question, SweepError};
use super::table::{self, Row};

/// The size of the picture.
const SIZE: (u32, u32) = (960, 720);
const FONT: &str = "sans-serif";
const BLUE: RGBColor = RGBColor(31, 96, 176);
const ORANGE: RGBColor = RGBColor(200, 88, 16);
const GREY: RGBColor = RGBColor(130, 130, 130);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), DrawingAreaErrorKind<std::io::Error>>;

/// One curve.
struct Curve {
    name: &'static str,
    color: RGBColor,
    /// Whether each point is marked.
    is_marked: bool,
    /// Losses and values, both as they are shown.
    points: Vec<(f64, f64)>,
}

impl Curve {
    /// What has this value at each loss; a loss without one has no point.
    fn new<'a>(
        name: &'static str,
        color: RGBColor,
        rows: &[Row<'a>],
        value: impl Fn(&Row<'a>) -> Option<f64>,
    ) -> Self {
        let points = rows.iter().filter_map(|row| Some((row.loss * 100.0, value(row)?))).collect();
        Self { name, color, is_marked: true, points }
    }

    fn unmarked(self) -> Self {
        Self { is_marked: false, ..self }
    }
}

/// A picture of success, time, sends and give-ups over the loss.
pub(super) fn svg(sweep: &Question, rows: &[Row<'_>]) -> Result<String, SweepError> {
    let mut text = String::new();
    draw(&mut text, sweep, rows).map_err(|error| SweepError::Draw(error.to_string()))?;
    Ok(text)
}

fn draw(text: &mut String, sweep: &Question, rows: &[Row<'_>]) -> Drawn {
    let root = SVGBackend::with_string(text, SIZE).into_drawing_area();
    root.fill(&WHITE)?;
    let root = root.titled(&table::title(sweep), (FONT, 20))?;
    let areas = root.split_evenly((2, 2));
    let whole = |ms: Option<u64>| ms.map(|ms| ms as f64 / 1_000.0);
    let charts = [
        (
            "success, percent of runs",
            vec![
                Curve::new("closed form", GREY, rows, |row| row.expected.map(|share| share * 100.0))
                    .unmarked(),
                Curve::new("measured", BLUE, rows, |row| Some(row.success * 100.0)),
            ],
        ),
        (
            "time to success, seconds",
            vec![
                Curve::new("99 of 100 by", ORANGE, rows, |row| whole(row.p99_ms)),
                Curve::new("half by", BLUE, rows, |row| whole(row.p50_ms)),
            ],
        ),
        ("sends per success", vec![Curve::new("sends", BLUE, rows, |row| row.sends_per_answer)]),
        (
            "give-ups, percent of runs",
            vec![Curve::new("give-ups", ORANGE, rows, |row| row.give_ups().map(|share| share * 100.0))],
        ),
    ];
    for (area, (caption, curves)) in areas.iter().zip(&charts) {
        chart(area, caption, curves, rows)?;
    }
    root.present()
}

/// One set of axes with its curves.
fn chart(area: &Area<'_>, caption: &str, curves: &[Curve], rows: &[Row<'_>]) -> Drawn {
    let from = rows.first().map_or(0.0, |row| row.loss * 100.0);
    let to = rows.last().map_or(0.0, |row| row.loss * 100.0).max(from + 1.0);
    let values = curves.iter().flat_map(|curve| curve.points.iter().map(|(_, value)| *value));
    let top = values.fold(0.0, f64::max);
    let top = if top > 0.0 { top * 1.05 } else { 1.0 };
    let mut chart = ChartBuilder::on(area)
        .margin(10)
        .caption(caption, (FONT, 16))
        .x_label_area_size(36)
        .y_label_area_size(48)
        .build_cartesian_2d(from..to, 0.0..top)?;
    chart
        .configure_mesh()
        .x_desc("loss, percent")
        .light_line_style(WHITE)
        .label_style((FONT, 12))
        .axis_desc_style((FONT, 13))
        .draw()?;
    for curve in curves.iter().filter(|curve| !curve.points.is_empty()) {
        let color = curve.color;
        chart
            .draw_series(LineSeries::new(curve.points.iter().copied(), color.stroke_width(2)))?
            .label(curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], color.stroke_width(2)));
        if curve.is_marked {
            chart.draw_series(curve.points.iter().map(|&point| Circle::new(point, 3, color.filled())))?;
        }
    }
    if curves.len() > 1 {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::LowerLeft)
            .background_style(WHITE)
            .border_style(GREY)
            .label_font((FONT, 12))
            .draw()?;
    }
    Ok(())
}

/// A page with the picture and the table. It needs nothing from elsewhere.
pub(super) fn html(sweep: &Question, rows: &[Row<'_>]) -> Result<String, SweepError> {
    let (title, picture) = (escaped(&table::title(sweep)), svg(sweep, rows)?);
    let picture = picture.trim_end();
    let table = escaped(&table::text(sweep, rows));
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>body {{ background: #fff; color: #111; font: 14px sans-serif; margin: 1em }}\n\
         svg {{ max-width: 100%; height: auto }} pre {{ overflow-x: auto }}</style>\n\
         {picture}\n<pre>{table}</pre>\n</html>\n"
    ))
}

/// A text as HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
