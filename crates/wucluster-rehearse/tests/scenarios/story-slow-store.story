A store that takes its time: what is still being written when a run has come to its end keeps nobody waiting for the lease.

      1.2  -- the first operator drives to launched
      1.6  first: ask: run an instance for n1
      1.6  first: ask: make a blank volume of 4 GiB for n1/home
      3.1  first: n1/home: away -> creating
      4.5  first: n1: away -> pending
      6.2  first: n1: pending -> running
      6.2  first: n1/home: creating -> available
      6.2  first: ask: attach vol-0f1610591714eaeb3 of n1/home to i-0b941c2c684813d65
      7.3  first: n1/home: available -> attaching
      9.9  first: n1/home: attaching -> attached
     11.4  first: ask: make ext4 on vol0f1610591714eaeb3 of n1/home
     12.2  first: ask: mark vol-0f1610591714eaeb3 of n1/home: content=data filesystem=ext4 own
     13.5  first: ask: mount n1/home at /mnt/home
     14.3  first: n1/home has data at write epoch 1
     14.3  first: n1/home: attached -> mounted
     62.0  -- drive to away
     62.5  ask: unmount n1/home
     63.3  n1/home: mounted -> attached
     63.3  ask: detach vol-0f1610591714eaeb3 of n1/home from i-0b941c2c684813d65
     64.4  n1/home: attached -> detaching
     67.2  n1/home: detaching -> available
     67.2  ask: mark vol-0f1610591714eaeb3 of n1/home: epoch=1 sealed
     68.4  ask: terminate i-0b941c2c684813d65 of n1
     68.7  ask: take a snapshot of vol-0f1610591714eaeb3 of n1/home
     69.4  n1: running -> shutting-down
     76.3  n1: shutting-down -> away
     86.9  ask: delete vol-0f1610591714eaeb3 of n1/home, kept by snap-0f2c529fa530b0acb
     87.8  n1/home: available -> deleting
     92.3  n1/home: deleting -> away
     93.1  -- reached
     93.1  -- the first operator ended: reached
     93.1  -- calm
     93.9  -- drive to away
     95.3  -- reached
     96.1  -- drive to away
     97.4  -- reached
     98.2  -- drive to launched
     98.7  ask: run an instance for n1
     98.7  ask: make a volume of 4 GiB for n1/home from snap-0f2c529fa530b0acb
    101.5  n1: away -> running
    101.5  n1/home: away -> creating
    103.2  n1/home: creating -> available
    103.2  ask: attach vol-0248926b5864373a4 of n1/home to i-09512df79d94ea176
    104.3  n1/home: available -> attaching
    108.8  n1/home: attaching -> attached
    109.1  ask: mount n1/home at /mnt/home
    109.9  n1/home has data at write epoch 2
    109.9  n1/home: attached -> mounted
    110.9  -- reached
    110.9  a user writes to n1/home
    111.7  -- drive to away
    112.5  ask: unmount n1/home
    113.2  n1/home: mounted -> attached
    113.2  ask: detach vol-0248926b5864373a4 of n1/home from i-09512df79d94ea176
    114.4  n1/home: attached -> detaching
    117.2  n1/home: detaching -> available
    117.2  ask: mark vol-0248926b5864373a4 of n1/home: epoch=2 sealed
    118.4  ask: terminate i-09512df79d94ea176 of n1
    118.9  ask: take a snapshot of vol-0248926b5864373a4 of n1/home
    119.4  n1: running -> shutting-down
    124.4  n1: shutting-down -> away
    137.3  ask: delete vol-0248926b5864373a4 of n1/home, kept by snap-0a5fd3d4f617fc6cf
    138.5  n1/home: available -> deleting
    140.0  n1/home: deleting -> away
    140.8  -- reached
    141.6  -- drive to launched
    142.0  ask: run an instance for n1
    142.0  ask: make a volume of 4 GiB for n1/home from snap-0a5fd3d4f617fc6cf
    143.2  n1/home: away -> creating
    144.8  n1: away -> pending
    144.8  n1/home: creating -> available
    149.0  n1: pending -> running
    149.0  ask: attach vol-043f11ff94da7f717 of n1/home to i-06cab757931566a5c
    150.4  n1/home: available -> attaching
    154.6  n1/home: attaching -> attached
    154.8  ask: mount n1/home at /mnt/home
    155.8  n1/home has data at write epoch 3
    155.8  n1/home: attached -> mounted
    156.8  -- reached
