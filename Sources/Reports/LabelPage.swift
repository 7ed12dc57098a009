/// Images whose labels are probably wrong, beside their labels, as one self-contained HTML page.
package enum LabelPage {
  /// The page.
  ///
  /// - Parameters:
  ///   - entries: the images in the order of the page, each with its image as JPEG or with why there
  ///     is none.
  ///   - summary: plain text for the line under the title.
  package static func html(
    _ entries: [(entry: LabelReport.Entry, image: Result<[UInt8], Reason>)], summary: String
  ) -> String {
    let cards = entries.map { entry, image in
      var body = """
        <p>labelled <b>\(HTMLPage.escaped(entry.label))</b>, looks like \
        <b>\(HTMLPage.escaped(entry.suggested))</b></p>

        """
      body += ImageCard.row(entry.suggested, entry.suggestedProbability, isBest: true) + "\n"
      body += ImageCard.row(entry.label, entry.labelProbability, isBest: false)
      if case .failure(let reason) = image {
        body += "\n<p class=\"note\">\(HTMLPage.escaped(reason.text))</p>"
      }
      return ImageCard.html(
        caption: "\(entry.rank). \(entry.image)", jpeg: (try? image.get()) ?? [], body: body)
    }
    return HTMLPage.text(
      title: "Labels that are probably wrong", facts: summary, body: ImageCard.grid(cards),
      style: ImageCard.style)
  }

  /// Why an image is not shown.
  package struct Reason: Error, Sendable {
    let text: String

    package init(_ text: String) { self.text = text }
  }
}
