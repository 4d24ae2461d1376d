import AuraServer
import AuraStore
import AuraTransport

/// What a command says when it cannot go on: one sentence, and what to do.
struct Complaint: Error, CustomStringConvertible {
  var description: String
  init(_ description: String) { self.description = description }
}

/// Runs `work`; what it throws becomes a sentence and a next step for whoever typed the command.
func explaining<T>(_ work: () throws -> T) throws -> T {
  do {
    return try work()
  } catch let failure as StoreFailure {
    let sentence = "\(failure)"
    throw Complaint(sentence.prefix(1).uppercased() + sentence.dropFirst() + ". " + failure.nextStep)
  } catch let failure as TransportFailure {
    let sentence = "\(failure)"
    throw Complaint(sentence.prefix(1).uppercased() + sentence.dropFirst() + ".")
  } catch let failure as InstallationSecret.Failure {
    throw Complaint("\(failure).")
  } catch let failure as ServerFailure {
    throw Complaint("\(failure)")
  }
}
