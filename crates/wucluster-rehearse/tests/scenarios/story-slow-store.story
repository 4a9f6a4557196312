A store that takes its time: what is still being written when a run has come to its end keeps nobody waiting for the lease.

      0.8  -- the first operator drives to launched
      1.2  first: ask: run an instance for n1
      1.2  first: ask: make a blank volume of 4 GiB for n1/home
      2.7  first: n1/home: away -> creating
      4.1  first: n1: away -> pending
      5.8  first: n1: pending -> running
      5.8  first: n1/home: creating -> available
      5.8  first: ask: attach vol-0f1610591714eaeb3 of n1/home to i-0b941c2c684813d65
      6.9  first: n1/home: available -> attaching
     10.1  first: n1/home: attaching -> attached
     11.1  first: ask: make ext4 on vol0f1610591714eaeb3 of n1/home
     11.8  first: ask: mark vol-0f1610591714eaeb3 of n1/home: content=data filesystem=ext4 cb9e64d6-9276-8806-b802-0b301fb38fbb
     13.6  first: ask: mount n1/home at /mnt/home
     14.4  first: n1/home has data at write epoch 1
     14.4  first: n1/home: attached -> mounted
     61.6  -- drive to away
     62.1  n1/home: attached -> mounted
     62.1  ask: unmount n1/home
     62.9  n1/home: mounted -> attached
     62.9  ask: detach vol-0f1610591714eaeb3 of n1/home from i-0b941c2c684813d65
     64.0  n1/home: attached -> detaching
     67.3  n1/home: detaching -> available
     67.3  ask: mark vol-0f1610591714eaeb3 of n1/home: epoch=1 sealed
     68.5  ask: terminate i-0b941c2c684813d65 of n1
     68.8  ask: take a snapshot of vol-0f1610591714eaeb3 of n1/home
     69.5  n1: running -> shutting-down
     75.4  n1: shutting-down -> away
     86.2  ask: delete vol-0f1610591714eaeb3 of n1/home, kept by snap-0f2c529fa530b0acb
     87.1  n1/home: available -> deleting
     93.3  n1/home: deleting -> away
     94.1  -- reached
     94.1  -- the first operator ended: reached
     94.1  -- calm
     94.9  -- drive to away
     96.3  -- reached
     97.1  -- drive to away
     98.4  -- reached
     99.2  -- drive to launched
     99.7  ask: run an instance for n1
     99.7  ask: make a volume of 4 GiB for n1/home from snap-0f2c529fa530b0acb
    103.8  n1: away -> running
    103.8  n1/home: away -> available
    103.8  ask: attach vol-0248926b5864373a4 of n1/home to i-09512df79d94ea176
    105.1  n1/home: available -> attaching
    109.6  n1/home: attaching -> attached
    109.8  ask: mount n1/home at /mnt/home
    110.8  n1/home has data at write epoch 2
    110.8  n1/home: attached -> mounted
    111.8  -- reached
    111.8  a user writes to n1/home
    112.6  -- drive to away
    113.5  n1/home: attached -> mounted
    113.5  ask: unmount n1/home
    114.3  n1/home: mounted -> attached
    114.3  ask: detach vol-0248926b5864373a4 of n1/home from i-09512df79d94ea176
    115.6  n1/home: attached -> detaching
    119.0  n1/home: detaching -> available
    119.0  ask: mark vol-0248926b5864373a4 of n1/home: epoch=2 sealed
    120.1  ask: terminate i-09512df79d94ea176 of n1
    120.7  ask: take a snapshot of vol-0248926b5864373a4 of n1/home
    121.4  n1: running -> shutting-down
    125.1  n1: shutting-down -> away
    139.9  ask: delete vol-0248926b5864373a4 of n1/home, kept by snap-0a5fd3d4f617fc6cf
    141.3  n1/home: available -> deleting
    142.6  n1/home: deleting -> away
    143.4  -- reached
    144.2  -- drive to launched
    144.7  ask: run an instance for n1
    144.7  ask: make a volume of 4 GiB for n1/home from snap-0a5fd3d4f617fc6cf
    145.8  n1/home: away -> creating
    147.4  n1: away -> pending
    147.4  n1/home: creating -> available
    151.8  n1: pending -> running
    151.8  ask: attach vol-043f11ff94da7f717 of n1/home to i-06cab757931566a5c
    153.0  n1/home: available -> attaching
    157.1  n1/home: attaching -> attached
    157.3  ask: mount n1/home at /mnt/home
    158.3  n1/home has data at write epoch 3
    158.3  n1/home: attached -> mounted
    159.3  -- reached
