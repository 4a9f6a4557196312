A store that takes its time: what is still being written when a run has come to its end keeps nobody waiting for the lease.

      1.2  -- the first operator drives to launched
      1.6  first: ask: run an instance for n1
      1.6  first: ask: make a blank volume of 4 GiB for n1/home
      3.8  first: n1: away -> pending
      3.8  first: n1/home: away -> creating
      5.9  first: n1: pending -> running
      5.9  first: n1/home: creating -> available
      5.9  first: ask: attach vol-0f1610591714eaeb3 of n1/home to i-0b941c2c684813d65
      6.9  first: n1/home: available -> attaching
      8.8  first: n1/home: attaching -> attached
     12.1  first: ask: make ext4 on vol0f1610591714eaeb3 of n1/home
     12.9  first: ask: mark vol-0f1610591714eaeb3 of n1/home: content=data filesystem=ext4 own
     14.4  first: ask: mount n1/home at /mnt/home
     15.1  first: n1/home has data at write epoch 1
     15.1  first: n1/home: attached -> mounted
     62.0  -- drive to away
     62.5  ask: unmount n1/home
     63.4  n1/home: mounted -> attached
     63.4  ask: detach vol-0f1610591714eaeb3 of n1/home from i-0b941c2c684813d65
     65.6  n1/home: attached -> detaching
     67.7  n1/home: detaching -> available
     67.7  ask: mark vol-0f1610591714eaeb3 of n1/home: epoch=1 sealed
     68.6  ask: terminate i-0b941c2c684813d65 of n1
     68.9  ask: take a snapshot of vol-0f1610591714eaeb3 of n1/home
     71.1  n1: running -> shutting-down
     76.0  n1: shutting-down -> away
     86.5  ask: delete vol-0f1610591714eaeb3 of n1/home, kept by snap-0f2c529fa530b0acb
     87.6  n1/home: available -> deleting
     91.9  n1/home: deleting -> away
     92.7  -- reached
     92.7  -- the first operator ended: reached
     92.7  -- calm
     93.5  -- drive to away
     94.7  -- reached
     95.5  -- drive to away
     96.8  -- reached
     97.6  -- drive to launched
     98.2  ask: run an instance for n1
     98.2  ask: make a volume of 4 GiB for n1/home from snap-0f2c529fa530b0acb
    100.3  n1: away -> pending
    101.3  n1: pending -> running
    101.3  n1/home: away -> creating
    102.2  n1/home: creating -> available
    102.2  ask: attach vol-0248926b5864373a4 of n1/home to i-09512df79d94ea176
    103.2  n1/home: available -> attaching
    107.2  n1/home: attaching -> attached
    107.9  ask: mount n1/home at /mnt/home
    108.6  n1/home has data at write epoch 2
    108.6  n1/home: attached -> mounted
    109.7  -- reached
    109.7  a user writes to n1/home
    110.5  -- drive to away
    111.2  ask: unmount n1/home
    111.9  n1/home: mounted -> attached
    111.9  ask: detach vol-0248926b5864373a4 of n1/home from i-09512df79d94ea176
    114.4  n1/home: attached -> detaching
    116.3  n1/home: detaching -> available
    116.3  ask: mark vol-0248926b5864373a4 of n1/home: epoch=2 sealed
    117.2  ask: terminate i-09512df79d94ea176 of n1
    117.8  ask: take a snapshot of vol-0248926b5864373a4 of n1/home
    118.5  n1: running -> shutting-down
    122.7  n1: shutting-down -> away
    136.9  ask: delete vol-0248926b5864373a4 of n1/home, kept by snap-0a5fd3d4f617fc6cf
    138.1  n1/home: available -> deleting
    139.5  n1/home: deleting -> away
    140.3  -- reached
    141.1  -- drive to launched
    141.5  ask: run an instance for n1
    141.5  ask: make a volume of 4 GiB for n1/home from snap-0a5fd3d4f617fc6cf
    143.6  n1: away -> pending
    143.6  n1/home: away -> available
    148.6  n1: pending -> running
    148.6  ask: attach vol-043f11ff94da7f717 of n1/home to i-06cab757931566a5c
    149.4  n1/home: available -> attaching
    153.5  n1/home: attaching -> attached
    153.7  ask: mount n1/home at /mnt/home
    154.6  n1/home has data at write epoch 3
    154.6  n1/home: attached -> mounted
    155.6  -- reached
