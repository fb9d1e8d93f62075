"""What a running desk watches: timers, time jumps, disks, the STOP file, and its own event loop."""
