import Foundation
import Testing

@testable import Reports
@testable import Training

/// A group of (index, nearest, cosine).
func nearGroup(_ members: [(Int, Int, Float)]) -> NearGroup {
  NearGroup(
    members: members.map {
      NearGroup.Member(index: $0.0, nearest: Neighbour(index: $0.1, cosine: $0.2))
    })
}

/// What `similar` prints and writes.
struct SimilarityReportTests {
  private let images = [
    ComparedImage("a,1.jpg", part: .train, className: "a"),
    ComparedImage("b\u{1b}.jpg", part: .validation, className: "a"),
    ComparedImage("c.jpg", part: .train, className: "b"), ComparedImage("d.jpg"),
  ]

  @Test func groupsSayWhyTheyAre() {
    let report = SimilarityReport(
      [nearGroup([(0, 1, 0.99999994), (1, 0, 0.99999994), (2, 0, 0.98125)])],
      of: images, threshold: 0.98)
    #expect(
      report.text == """
        group 1: 3 images, in train and validation, of the classes a and b
          1.0000  a,1.jpg  ~ b\\u{1b}.jpg
          1.0000  b\\u{1b}.jpg  ~ a,1.jpg
          0.9812  c.jpg  ~ a,1.jpg
        4 images, of which 3 are nearly like another one, in 1 group (cosine from 0.98)
        """)
    #expect(
      report.json.hasPrefix(
        #"{"group":1,"images":[{"image":"a,1.jpg","part":"train","class":"a","cosine":1.0,"#))
    let table = report.file(.csv)
    #expect(
      table.hasPrefix(
        "group,image,cosine,nearest,part,class\r\n1,\"a,1.jpg\",1.0,b\u{1b}.jpg,train,a\r\n"))
    #expect(table.hasSuffix("1,c.jpg,0.98125,\"a,1.jpg\",train,b\r\n"))
    #expect(report.file(.jsonl) == report.json + "\n")
  }

  @Test func nothingIsSaidInWordsToo() {
    let report = SimilarityReport([], of: images, threshold: 0.5)
    #expect(
      report.text == "4 images, of which none is nearly like another one (cosine from 0.5)")
    #expect(report.json == "" && report.file(.jsonl) == "")
  }

  @Test func theNearestStandInOrder() {
    let report = SimilarityReport(
      [[Neighbour(index: 3, cosine: 0.5), Neighbour(index: 0, cosine: 0.25)], []],
      to: ["q.jpg", "broken.jpg"], among: images)
    #expect(report.text == "q.jpg\n  0.5000  d.jpg\n  0.2500  a,1.jpg")
    #expect(
      report.json
        == #"{"image":"q.jpg","nearest":[{"image":"d.jpg","cosine":0.5},"#
        + #"{"image":"a,1.jpg","part":"train","class":"a","cosine":0.25}]}"#)
    #expect(
      report.file(.csv)
        == "image,rank,nearest,cosine\r\nq.jpg,1,d.jpg,0.5\r\nq.jpg,2,\"a,1.jpg\",0.25\r\n")
  }
}
