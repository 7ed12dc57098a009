import Launching

/// What is known of a job, what is wrong with it, and how long it would take.
package struct JobDiagnosis: Codable, Equatable, Sendable {
  package var facts: JobFacts
  package var findings: [JobFinding]
  /// Nil where the speed of a rank is not known.
  package var estimate: JobFacts.Estimate?
  /// The exit status: 0 where training can begin, else that of the first thing it would meet.
  package var status: Int32

  /// Judges the facts.
  package init(_ facts: JobFacts) { self.init(facts, findings: Diagnosis.findings(of: facts)) }

  /// What was found is known already.
  package init(_ facts: JobFacts, findings: [JobFinding]) {
    self.facts = facts
    self.findings = findings
    estimate = facts.estimate
    status = findings.first { $0.isError }?.status ?? ExitStatus.done.rawValue
  }
}
