A quiet day: launched, written to, put away and brought back, without any fault.

      0.0  -- drive to launched
      0.5  ask: run an instance for n1
      0.5  ask: make a blank volume of 1 GiB for n1/home
      4.3  n1: away -> pending
      4.3  n1/home: away -> creating
      5.7  n1/home: creating -> available
      9.0  n1: pending -> running
      9.0  ask: attach vol-0fa47cde8cc157849 of n1/home to i-0f83a1ccb72231923
      9.8  n1/home: available -> attaching
     13.1  n1/home: attaching -> attached
     15.8  ask: make ext4 on vol0fa47cde8cc157849 of n1/home
     16.1  ask: mark vol-0fa47cde8cc157849 of n1/home: content=data filesystem=ext4 0aacef22-a96a-8b25-85cb-1edc111d2743
     16.9  ask: mount n1/home at /mnt/home
     17.2  n1/home has data at write epoch 1
     17.2  n1/home: attached -> mounted
     17.2  -- reached
     17.2  a user writes to n1/home
     17.2  -- drive to away
     17.9  n1/home: attached -> mounted
     17.9  ask: unmount n1/home
     18.2  n1/home: mounted -> attached
     18.2  ask: detach vol-0fa47cde8cc157849 of n1/home from i-0f83a1ccb72231923
     18.8  n1/home: attached -> detaching
     22.1  n1/home: detaching -> available
     22.1  ask: mark vol-0fa47cde8cc157849 of n1/home: epoch=1 sealed
     22.6  ask: terminate i-0f83a1ccb72231923 of n1
     23.2  n1: running -> shutting-down
     23.2  ask: take a snapshot of vol-0fa47cde8cc157849 of n1/home
     32.4  n1: shutting-down -> away
     43.0  ask: delete vol-0fa47cde8cc157849 of n1/home, kept by snap-06000a5ef889a27fd
     43.6  n1/home: available -> deleting
     47.1  n1/home: deleting -> away
     47.1  -- reached
     47.1  -- calm
     47.1  -- drive to away
     47.5  -- reached
     47.5  -- drive to away
     47.8  -- reached
     47.8  -- drive to launched
     48.2  ask: run an instance for n1
     48.2  ask: make a volume of 1 GiB for n1/home from snap-06000a5ef889a27fd
     49.1  n1: away -> pending
     49.5  n1/home: away -> creating
     50.9  n1/home: creating -> available
     55.7  n1: pending -> running
     55.7  ask: attach vol-05ce8891476f9546d of n1/home to i-0d82e4a1b5f0f349f
     56.3  n1/home: available -> attaching
     59.2  n1/home: attaching -> attached
     61.9  ask: mount n1/home at /mnt/home
     62.3  n1/home has data at write epoch 2
     62.3  n1/home: attached -> mounted
     62.3  -- reached
     62.3  a user writes to n1/home
     62.3  -- drive to away
     62.8  n1/home: attached -> mounted
     62.8  ask: unmount n1/home
     63.1  n1/home: mounted -> attached
     63.1  ask: detach vol-05ce8891476f9546d of n1/home from i-0d82e4a1b5f0f349f
     63.9  n1/home: attached -> detaching
     67.2  n1/home: detaching -> available
     67.2  ask: mark vol-05ce8891476f9546d of n1/home: epoch=2 sealed
     67.6  ask: terminate i-0d82e4a1b5f0f349f of n1
     68.2  ask: take a snapshot of vol-05ce8891476f9546d of n1/home
     68.7  n1: running -> shutting-down
     71.0  n1: shutting-down -> away
     74.1  ask: delete vol-05ce8891476f9546d of n1/home, kept by snap-0edbde08e1e18104f
     74.7  n1/home: available -> deleting
     76.2  n1/home: deleting -> away
     76.2  -- reached
     76.2  -- drive to launched
     76.8  ask: run an instance for n1
     76.8  ask: make a volume of 1 GiB for n1/home from snap-0edbde08e1e18104f
     77.8  n1: away -> pending
     79.2  n1: pending -> running
     79.2  n1/home: away -> available
     79.2  ask: attach vol-09b9881e1bd97a7a9 of n1/home to i-0943766ceec76c861
     79.9  n1/home: available -> attaching
     81.3  n1/home: attaching -> attached
     83.5  ask: mount n1/home at /mnt/home
     83.9  n1/home has data at write epoch 3
     83.9  n1/home: attached -> mounted
     83.9  -- reached
