import FileIO
import Foundation

/// Predictions as one self-contained HTML page with the images in it, piece by piece: ``head``, a
/// card for each image, ``tail``.
package struct PredictionPage: Sendable {
  /// What stands before the cards.
  package let head: String

  /// - Parameters:
  ///   - count: how many images there will be.
  ///   - backbone: the backbone's name, for the line under the title.
  ///   - hasHeatMaps: whether the images have their heat maps beside them.
  package init(count: Int, backbone: String, hasHeatMaps: Bool = false) {
    let images = "\(count) \(count == 1 ? "image" : "images")"
    head =
      HTMLPage.head(
        title: "Predictions", facts: "\(images), backbone \(backbone)",
        style: ImageCard.style + (hasHeatMaps ? "\n" + ImageCard.heatMapStyle : ""))
      + (hasHeatMaps ? "<p class=\"note\">\(ImageCard.heatMapNote)</p>\n" : "")
      + ImageCard.gridHead
  }

  /// An image as the network saw it, with the likeliest classes.
  ///
  /// - Parameter jpeg: the image as JPEG; empty where it cannot be shown.
  package func card(_ prediction: Prediction, jpeg: [UInt8]) -> String {
    ImageCard.html(caption: prediction.image, jpeg: jpeg, prediction: prediction) + "\n"
  }

  /// An image that cannot be used.
  package func card(failed image: String, _ reason: String) -> String {
    ImageCard.html(caption: image, jpeg: [], body: "<p>\(HTMLPage.escaped(reason))</p>") + "\n"
  }

  /// What stands behind the cards.
  package var tail: String { ImageCard.gridTail + "\n" + HTMLPage.tail }
}

/// An image with what a model says about it.
enum ImageCard {
  /// How many of the likeliest classes are shown.
  private static let shownClasses = 5

  static let gridHead = "<div class=\"cards\">\n"
  static let gridTail = "</div>"

  /// Cards side by side.
  static func grid(_ cards: [String]) -> String {
    gridHead + cards.joined(separator: "\n") + "\n" + gridTail
  }

  /// One card.
  ///
  /// - Parameter truth: the right class, marked among the bars; nil where it is not known.
  static func html(
    caption: String, jpeg: [UInt8], prediction: Prediction, truth: String? = nil
  ) -> String {
    var shown = prediction.top(shownClasses)
    if let truth, !shown.contains(where: { $0.name == truth }),
      let index = prediction.classes.names.firstIndex(of: truth)
    {
      shown.append((truth, prediction.probabilities[index]))
    }
    let bars = shown.enumerated().map { index, entry in
      row((entry.name == truth ? "✓ " : "") + entry.name, entry.probability, isBest: index == 0)
    }.joined(separator: "\n")
    return html(caption: caption, jpeg: jpeg, body: bars)
  }

  /// A class with its probability as a bar.
  static func row(_ name: String, _ probability: Double, isBest: Bool) -> String {
    """
    <div class="row\(isBest ? " best" : "")"><span class="name">\(HTMLPage.escaped(name))</span>\
    <span class="bar"><i style="width:\(percent(probability))%"></i></span>\
    <span class="value">\(percent(probability)) %</span></div>
    """
  }

  /// One card.
  ///
  /// - Parameters:
  ///   - jpeg: the image; a frame without one where it is empty.
  ///   - body: HTML that stands under the caption.
  static func html(caption: String, jpeg: [UInt8], body: String) -> String {
    let text = HTMLPage.escaped(caption)
    let image = jpeg.isEmpty ? "" : "<img src=\"\(source(jpeg))\" alt=\"\(text)\">"
    return """
      <figure>
      <div class="frame">\(image)</div>
      <figcaption>\(text)</figcaption>
      \(body)
      </figure>
      """
  }

  /// A JPEG file as a data URI.
  static func source(_ jpeg: [UInt8]) -> String {
    "data:image/jpeg;base64,\(Data(jpeg).base64EncodedString())"
  }

  /// What the colours say, as HTML.
  static let heatMapNote = """
    To the right of each image: where the network found what speaks for the likeliest class \
    (Grad-CAM), from blue over red to yellow, which is the most of that image; grey adds nothing.
    """

  /// For images of twice the width.
  static let heatMapStyle = """
    .cards { grid-template-columns: repeat(auto-fill, minmax(min(420px, 100%), 1fr)); }
    """

  static let style = """
    .row { display: grid; grid-template-columns: 5.5rem 1fr 3.8rem; gap: .5rem;
      align-items: center; font-size: .85rem; }
    .best { font-weight: 600; }
    .name { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
    .value { text-align: right; font-variant-numeric: tabular-nums; }
    .bar { height: .55rem; background: var(--line); border-radius: 99px; overflow: hidden; }
    .bar i { display: block; height: 100%; background: var(--muted); }
    .best .bar i { background: var(--accent); }
    """
}
