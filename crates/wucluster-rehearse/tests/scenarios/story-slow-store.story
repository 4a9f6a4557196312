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
     10.5  first: n1/home: attaching -> attached
     11.5  first: ask: make ext4 on vol0f1610591714eaeb3 of n1/home
     12.2  first: ask: mark vol-0f1610591714eaeb3 of n1/home: content=data filesystem=ext4 cb9e64d6-9276-8806-b802-0b301fb38fbb
     14.0  first: ask: mount n1/home at /mnt/home
     14.8  first: n1/home has data at write epoch 1
     14.8  first: n1/home: attached -> mounted
     62.0  -- drive to away
     62.5  ask: unmount n1/home
     63.3  n1/home: mounted -> attached
     63.3  ask: detach vol-0f1610591714eaeb3 of n1/home from i-0b941c2c684813d65
     64.4  n1/home: attached -> detaching
     67.7  n1/home: detaching -> available
     67.7  ask: mark vol-0f1610591714eaeb3 of n1/home: epoch=1 sealed
     68.9  ask: terminate i-0b941c2c684813d65 of n1
     69.2  ask: take a snapshot of vol-0f1610591714eaeb3 of n1/home
     69.9  n1: running -> shutting-down
     75.8  n1: shutting-down -> away
     86.6  ask: delete vol-0f1610591714eaeb3 of n1/home, kept by snap-0f2c529fa530b0acb
     87.5  n1/home: available -> deleting
     93.7  n1/home: deleting -> away
     94.5  -- reached
     94.5  -- the first operator ended: reached
     94.5  -- calm
     95.3  -- drive to away
     96.7  -- reached
     97.5  -- drive to away
     98.8  -- reached
     99.6  -- drive to launched
    100.1  ask: run an instance for n1
    100.1  ask: make a volume of 4 GiB for n1/home from snap-0f2c529fa530b0acb
    104.2  n1: away -> running
    104.2  n1/home: away -> available
    104.2  ask: attach vol-0248926b5864373a4 of n1/home to i-09512df79d94ea176
    105.5  n1/home: available -> attaching
    110.0  n1/home: attaching -> attached
    110.2  ask: mount n1/home at /mnt/home
    111.2  n1/home has data at write epoch 2
    111.2  n1/home: attached -> mounted
    112.2  -- reached
    112.2  a user writes to n1/home
    113.0  -- drive to away
    113.9  ask: unmount n1/home
    114.7  n1/home: mounted -> attached
    114.7  ask: detach vol-0248926b5864373a4 of n1/home from i-09512df79d94ea176
    116.0  n1/home: attached -> detaching
    119.5  n1/home: detaching -> available
    119.5  ask: mark vol-0248926b5864373a4 of n1/home: epoch=2 sealed
    120.5  ask: terminate i-09512df79d94ea176 of n1
    121.0  ask: take a snapshot of vol-0248926b5864373a4 of n1/home
    121.8  n1: running -> shutting-down
    125.5  n1: shutting-down -> away
    140.3  ask: delete vol-0248926b5864373a4 of n1/home, kept by snap-0a5fd3d4f617fc6cf
    141.7  n1/home: available -> deleting
    143.0  n1/home: deleting -> away
    143.8  -- reached
    144.6  -- drive to launched
    145.1  ask: run an instance for n1
    145.1  ask: make a volume of 4 GiB for n1/home from snap-0a5fd3d4f617fc6cf
    146.2  n1/home: away -> creating
    147.8  n1: away -> pending
    147.8  n1/home: creating -> available
    152.2  n1: pending -> running
    152.2  ask: attach vol-043f11ff94da7f717 of n1/home to i-06cab757931566a5c
    153.4  n1/home: available -> attaching
    157.5  n1/home: attaching -> attached
    157.7  ask: mount n1/home at /mnt/home
    158.8  n1/home has data at write epoch 3
    158.8  n1/home: attached -> mounted
    159.7  -- reached
