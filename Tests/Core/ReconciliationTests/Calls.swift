import Planning
import Reconciliation
import VolumeModel

/// A call that the core asks for, as it numbers it.
typealias Call = (number: Int, call: SystemCall, notAfter: Instant)

/// The calls among what the core asks for, in its order.
func calls(_ orders: [ControllerCore.Order]) -> [Call] {
    orders.compactMap {
        if case .call(let number, let call, let notAfter) = $0 { (number, call, notAfter) } else { nil }
    }
}
