import AuraClient
import AuraDelivery
import AuraServer
import AuraStore
import AuraTransport
import Foundation

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
    throw Complaint(sentence("\(failure)") + " " + failure.nextStep)
  } catch let failure as SQLFailure {
    let failure = StoreFailure.engine(failure)
    throw Complaint(sentence("\(failure)") + " " + failure.nextStep)
  } catch let failure as TransportFailure {
    throw Complaint(sentence("\(failure)"))
  } catch let failure as InstallationSecret.Failure {
    throw Complaint("\(failure).")
  } catch let failure as ServerFailure {
    throw Complaint("\(failure)")
  } catch let refusal as AdminRefusal {
    throw Complaint("\(refusal)")
  } catch let failure as GatewaysFailure {
    throw Complaint("\(failure).")
  } catch let failure as CourierFailure {
    throw Complaint(sentence("\(failure)"))
  } catch let failure as LoadTest.Failure {
    throw Complaint(sentence("\(failure)"))
  } catch let failure as Tail.Failure {
    throw Complaint(sentence("\(failure)"))
  } catch let failure as ServerChild.Failure {
    throw Complaint(sentence("\(failure)"))
  }
}

private func sentence(_ text: String) -> String {
  text.prefix(1).uppercased() + text.dropFirst() + (text.hasSuffix(".") ? "" : ".")
}

/// Prints at once, also into a pipe.
func say(_ text: String) { FileHandle.standardOutput.write(Data((text + "\n").utf8)) }

/// What is about the work and not its result.
func note(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }
