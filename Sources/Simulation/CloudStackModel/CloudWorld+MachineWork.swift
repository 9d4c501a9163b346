/// What jobs do to machines. On the way from one state to another a machine takes and gives no disks.
extension CloudWorld {
    /// The job has its turn: the machine is seen on its way.
    mutating func setOut(_ job: Job) {
        change(job) { state in
            switch (job.command, state) {
            case ("startVirtualMachine", "Stopped"): "Starting"
            case ("stopVirtualMachine", "Running"), ("destroyVirtualMachine", "Running"): "Stopping"
            default: state
            }
        }
    }

    /// The job is done.
    mutating func arrive(_ job: Job, _ parameters: Parameters) {
        change(job) { state in
            switch job.command {
            case "deployVirtualMachine": parameters.flag("startvm") ?? true ? "Running" : "Stopped"
            case "startVirtualMachine": state == "Starting" ? "Running" : state
            case "stopVirtualMachine": state == "Stopping" ? "Stopped" : state
            case "destroyVirtualMachine": "Destroyed"
            default: state
            }
        }
    }

    /// The job failed, or went with the management server. What was never started is in error.
    mutating func turnBack(_ job: Job) {
        change(job) { state in
            switch (job.command, state) {
            case ("deployVirtualMachine", "Starting"): "Error"
            case ("startVirtualMachine", "Starting"): "Stopped"
            case ("stopVirtualMachine", "Stopping"), ("destroyVirtualMachine", "Stopping"): "Running"
            default: state
            }
        }
    }

    private mutating func change(_ job: Job, _ next: (String) -> String) {
        guard let index = machines.firstIndex(where: { $0.id == job.instance }) else { return }
        machines[index].state = next(machines[index].state)
    }
}
