A quiet day: launched, written to, put away and brought back, without any fault.

      0.0  -- drive to launched
      0.5  ask: run an instance for n1
      0.5  ask: make a blank volume of 1 GiB for n1/home
      2.2  n1: away -> pending
      3.2  n1/home: away -> creating
      4.0  n1: pending -> running
      4.0  n1/home: creating -> available
      4.0  ask: attach vol-024834aae089a4b93 of n1/home to i-0a46e80474f0518ba
      5.7  n1/home: available -> attaching
      7.8  n1/home: attaching -> attached
      8.6  ask: make ext4 on vol024834aae089a4b93 of n1/home
      9.0  ask: mark vol-024834aae089a4b93 of n1/home: content=data filesystem=ext4 own
      9.5  ask: mount n1/home at /mnt/home
      9.8  n1/home has data at write epoch 1
      9.8  n1/home: attached -> mounted
      9.8  -- reached
      9.8  a user writes to n1/home
      9.8  -- drive to away
     10.3  ask: unmount n1/home
     10.8  n1/home: mounted -> attached
     10.8  ask: detach vol-024834aae089a4b93 of n1/home from i-0a46e80474f0518ba
     11.4  n1/home: attached -> detaching
     15.4  n1/home: detaching -> available
     15.4  ask: mark vol-024834aae089a4b93 of n1/home: epoch=1 sealed
     16.0  ask: terminate i-0a46e80474f0518ba of n1
     16.3  n1: running -> shutting-down
     16.3  ask: take a snapshot of vol-024834aae089a4b93 of n1/home
     22.7  n1: shutting-down -> away
     37.3  ask: delete vol-024834aae089a4b93 of n1/home, kept by snap-063c653ece8c70e55
     38.0  n1/home: available -> deleting
     39.0  n1/home: deleting -> away
     39.0  -- reached
     39.0  -- calm
     39.0  -- drive to away
     39.6  -- reached
     39.6  -- drive to away
     40.0  -- reached
     40.0  -- drive to launched
     40.4  ask: run an instance for n1
     40.4  ask: make a volume of 1 GiB for n1/home from snap-063c653ece8c70e55
     42.2  n1/home: away -> creating
     43.0  n1: away -> pending
     43.0  n1/home: creating -> available
     46.1  n1: pending -> running
     46.1  ask: attach vol-021abc3987b336942 of n1/home to i-098104b0ab78b60ef
     47.9  n1/home: available -> attaching
     50.7  n1/home: attaching -> attached
     52.9  ask: mount n1/home at /mnt/home
     53.3  n1/home has data at write epoch 2
     53.3  n1/home: attached -> mounted
     53.3  -- reached
     53.3  a user writes to n1/home
     53.3  -- drive to away
     53.9  ask: unmount n1/home
     54.3  n1/home: mounted -> attached
     54.3  ask: detach vol-021abc3987b336942 of n1/home from i-098104b0ab78b60ef
     54.7  n1/home: attached -> detaching
     56.9  n1/home: detaching -> available
     56.9  ask: mark vol-021abc3987b336942 of n1/home: epoch=2 sealed
     57.4  ask: terminate i-098104b0ab78b60ef of n1
     57.9  n1: running -> shutting-down
     57.9  ask: take a snapshot of vol-021abc3987b336942 of n1/home
     65.9  n1: shutting-down -> away
     73.6  ask: delete vol-021abc3987b336942 of n1/home, kept by snap-08940562a868c8d67
     74.3  n1/home: available -> deleting
     77.3  n1/home: deleting -> away
     77.3  -- reached
     77.3  -- drive to launched
     77.8  ask: run an instance for n1
     77.8  ask: make a volume of 1 GiB for n1/home from snap-08940562a868c8d67
     80.6  n1: away -> pending
     80.6  n1/home: away -> creating
     81.4  n1/home: creating -> available
     84.5  n1: pending -> running
     84.5  ask: attach vol-02440b87721194b01 of n1/home to i-08768d9f5c9f9abbe
     86.3  n1/home: available -> attached
     88.0  ask: mount n1/home at /mnt/home
     88.4  n1/home has data at write epoch 3
     88.4  n1/home: attached -> mounted
     88.4  -- reached
