import Launching

/// Lists of images, and files that are not there.
func judgeImageLists(_ job: JobFacts) -> [JobFinding] {
  if let trouble = job.listing {
    return [
      JobFinding(
        subject: .images, status: trouble.status, hosts: [job.ranks[0].host],
        text: "The images cannot be listed: \(trouble.line)", remedy: "`avp-dist check` says more.")
    ]
  }
  return job.hosts.flatMap { host -> [JobFinding] in
    guard let images = host.first.images else { return [] }
    if let first = images.unusable.first {
      let more = images.unusableCount > 1 ? " and \(images.unusableCount - 1) more" : ""
      return [
        .error(
          .images, .missingInput, [host.name],
          "Host \(host.name) cannot use images of rank 0's list: \(first)\(more).",
          remedy: "The same images belong under the same path on every host (`rsync -ac`).")
      ]
    }
    let expected = job.hosts[0].first.images?.count
    guard let count = images.count, let expected, count != expected else { return [] }
    return [
      .warning(
        .images, [host.name],
        "Host \(host.name) has \(count) images and host \(job.hosts[0].name) \(expected); rank 0's "
          + "list is what counts.",
        remedy: "Make the folders equal (`rsync -ac --delete`).")
    ]
  }
}

/// Files of other content than rank 0's, of the same size.
func judgeImageContents(_ job: JobFacts) -> [JobFinding] {
  let digests = job.hosts[0].first.images?.digests ?? []
  return job.hosts.dropFirst().compactMap { host in
    guard let own = host.first.images?.digests, own.count == digests.count else { return nil }
    // A file that cannot be read is told elsewhere.
    let differing = own.indices.filter {
      own[$0] != digests[$0] && own[$0] != 0 && digests[$0] != 0
    }
    guard let index = differing.first, job.compared.indices.contains(index) else { return nil }
    return .error(
      .images, .badData, [host.name],
      "Host \(host.name) has other images than host \(job.hosts[0].name): \(differing.count) of "
        + "\(own.count) files that were compared differ, as \(job.compared[index]).",
      remedy: "Make them equal, by content (`rsync -ac`).")
  }
}
