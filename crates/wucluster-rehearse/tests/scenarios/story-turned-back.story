A put-away is turned back while its snapshot is pending: the volume gets its next write epoch before it is attached again, and what was written counts.

      0.0  -- drive to launched
      0.5  ask: run an instance for n1
      0.5  ask: make a blank volume of 1 GiB for n1/home
      1.7  n1: away -> pending
      3.1  n1/home: away -> creating
      6.3  n1/home: creating -> available
      9.5  n1: pending -> running
      9.5  ask: attach vol-0d8d6e58cb4fcfd6a of n1/home to i-0dd44d07727100997
     10.0  n1/home: available -> attaching
     13.6  n1/home: attaching -> attached
     16.3  ask: make ext4 on vol0d8d6e58cb4fcfd6a of n1/home
     16.7  ask: mark vol-0d8d6e58cb4fcfd6a of n1/home: content=data filesystem=ext4 14a5e57e-e5cc-8651-8ee1-d20d2ec59ac2
     17.5  ask: mount n1/home at /mnt/home
     17.9  n1/home has data at write epoch 1
     17.9  n1/home: attached -> mounted
     17.9  -- reached
     17.9  a user writes to n1/home
     17.9  -- drive to away
     18.5  n1/home: attached -> mounted
     18.5  ask: unmount n1/home
     18.7  n1/home: mounted -> attached
     18.7  ask: detach vol-0d8d6e58cb4fcfd6a of n1/home from i-0dd44d07727100997
     19.3  n1/home: attached -> detaching
     22.9  n1/home: detaching -> available
     22.9  ask: mark vol-0d8d6e58cb4fcfd6a of n1/home: epoch=1 sealed
     23.3  ask: terminate i-0dd44d07727100997 of n1
     23.9  n1: running -> shutting-down
     23.9  ask: take a snapshot of vol-0d8d6e58cb4fcfd6a of n1/home
     25.4  -- the operator is gone
     25.4  -- drive to launched
     33.2  n1: shutting-down -> away
     33.2  ask: run an instance for n1
     35.2  n1: away -> pending
     38.4  n1: pending -> running
     38.4  ask: mark vol-0d8d6e58cb4fcfd6a of n1/home: epoch=2 live generation=2
     39.0  ask: attach vol-0d8d6e58cb4fcfd6a of n1/home to i-06c9c2a1826923144
     39.7  n1/home: available -> attaching
     41.1  n1/home: attaching -> attached
     41.9  ask: mount n1/home at /mnt/home
     42.3  n1/home has data at write epoch 2
     42.3  n1/home: attached -> mounted
     42.3  -- reached
     42.3  a user writes to n1/home
     42.3  -- calm
     42.3  -- drive to launched
     43.2  n1/home: attached -> mounted
     43.2  -- reached
     43.2  -- drive to launched
     43.8  n1/home: attached -> mounted
     43.8  -- reached
     43.8  -- drive to launched
     44.4  n1/home: attached -> mounted
     44.4  -- reached
     44.4  a user writes to n1/home
     44.4  -- drive to away
     44.8  n1/home: attached -> mounted
     44.8  ask: unmount n1/home
     45.2  n1/home: mounted -> attached
     45.2  ask: detach vol-0d8d6e58cb4fcfd6a of n1/home from i-06c9c2a1826923144
     45.8  n1/home: attached -> detaching
     49.3  n1/home: detaching -> available
     49.3  ask: mark vol-0d8d6e58cb4fcfd6a of n1/home: epoch=2 sealed
     49.8  ask: terminate i-06c9c2a1826923144 of n1
     50.2  ask: take a snapshot of vol-0d8d6e58cb4fcfd6a of n1/home
     50.6  n1: running -> shutting-down
     59.7  ask: delete vol-0d8d6e58cb4fcfd6a of n1/home, kept by snap-0e791a7f3f6e232a3
     60.4  n1: shutting-down -> away
     60.4  n1/home: available -> deleting
     65.0  n1/home: deleting -> away
     65.0  -- reached
     65.0  -- drive to launched
     65.3  ask: run an instance for n1
     65.3  ask: make a volume of 1 GiB for n1/home from snap-0e791a7f3f6e232a3
     66.5  n1: away -> pending
     66.5  n1/home: away -> creating
     69.5  n1/home: creating -> available
     74.5  n1: pending -> running
     74.5  ask: attach vol-045b45b3106dbb353 of n1/home to i-07ded37c8025982d1
     75.1  n1/home: available -> attaching
     79.7  n1/home: attaching -> attached
     80.0  ask: mount n1/home at /mnt/home
     80.4  n1/home has data at write epoch 3
     80.4  n1/home: attached -> mounted
     80.4  -- reached
