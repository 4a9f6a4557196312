A quiet day: launched, written to, put away and brought back, without any fault.

      0.0  -- drive to launched
      0.5  ask: run an instance for n1
      0.5  ask: make a blank volume of 1 GiB for n1/home
      3.1  n1: away -> pending
      3.1  n1/home: away -> creating
      4.5  n1: pending -> running
      4.5  n1/home: creating -> available
      4.5  ask: attach vol-024834aae089a4b93 of n1/home to i-0a46e80474f0518ba
      5.0  n1/home: available -> attaching
      8.1  n1/home: attaching -> attached
      8.8  ask: make ext4 on vol024834aae089a4b93 of n1/home
      9.1  ask: mark vol-024834aae089a4b93 of n1/home: content=data filesystem=ext4 own
      9.5  ask: mount n1/home at /mnt/home
      9.8  n1/home has data at write epoch 1
      9.8  n1/home: attached -> mounted
      9.8  -- reached
      9.8  a user writes to n1/home
      9.8  -- drive to away
     10.6  ask: unmount n1/home
     11.0  n1/home: mounted -> attached
     11.0  ask: detach vol-024834aae089a4b93 of n1/home from i-0a46e80474f0518ba
     11.8  n1/home: attached -> detaching
     16.0  n1/home: detaching -> available
     16.0  ask: mark vol-024834aae089a4b93 of n1/home: epoch=1 sealed
     16.4  ask: terminate i-0a46e80474f0518ba of n1
     16.8  n1: running -> shutting-down
     16.8  ask: take a snapshot of vol-024834aae089a4b93 of n1/home
     23.6  n1: shutting-down -> away
     37.2  ask: delete vol-024834aae089a4b93 of n1/home, kept by snap-063c653ece8c70e55
     37.8  n1/home: available -> deleting
     39.4  n1/home: deleting -> away
     39.4  -- reached
     39.4  -- calm
     39.4  -- drive to away
     39.8  -- reached
     39.8  -- drive to away
     40.1  -- reached
     40.1  -- drive to launched
     40.5  ask: run an instance for n1
     40.5  ask: make a volume of 1 GiB for n1/home from snap-063c653ece8c70e55
     41.7  n1/home: away -> creating
     42.9  n1: away -> pending
     42.9  n1/home: creating -> available
     46.0  n1: pending -> running
     46.0  ask: attach vol-021abc3987b336942 of n1/home to i-098104b0ab78b60ef
     46.6  n1/home: available -> attaching
     50.9  n1/home: attaching -> attached
     53.0  ask: mount n1/home at /mnt/home
     53.5  n1/home has data at write epoch 2
     53.5  n1/home: attached -> mounted
     53.5  -- reached
     53.5  a user writes to n1/home
     53.5  -- drive to away
     54.1  ask: unmount n1/home
     54.4  n1/home: mounted -> attached
     54.4  ask: detach vol-021abc3987b336942 of n1/home from i-098104b0ab78b60ef
     55.0  n1/home: attached -> detaching
     57.9  n1/home: detaching -> available
     57.9  ask: mark vol-021abc3987b336942 of n1/home: epoch=2 sealed
     58.3  ask: terminate i-098104b0ab78b60ef of n1
     58.6  ask: take a snapshot of vol-021abc3987b336942 of n1/home
     59.1  n1: running -> shutting-down
     67.0  n1: shutting-down -> away
     75.0  ask: delete vol-021abc3987b336942 of n1/home, kept by snap-08940562a868c8d67
     75.6  n1/home: available -> deleting
     78.6  n1/home: deleting -> away
     78.6  -- reached
     78.6  -- drive to launched
     79.2  ask: run an instance for n1
     79.2  ask: make a volume of 1 GiB for n1/home from snap-08940562a868c8d67
     81.5  n1: away -> pending
     81.5  n1/home: away -> creating
     82.9  n1/home: creating -> available
     85.8  n1: pending -> running
     85.8  ask: attach vol-02440b87721194b01 of n1/home to i-08768d9f5c9f9abbe
     86.6  n1/home: available -> attaching
     88.1  n1/home: attaching -> attached
     89.4  ask: mount n1/home at /mnt/home
     89.8  n1/home has data at write epoch 3
     89.8  n1/home: attached -> mounted
     89.8  -- reached
