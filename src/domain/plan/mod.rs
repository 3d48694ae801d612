//! Planners: build, test, rollout. They decide, and give a reason for each step; nothing is decided while doing.
