A quiet day: launched, written to, put away and brought back, without any fault.

      0.0  -- drive to launched
      0.5  ask: run an instance for n1
      0.5  ask: make a blank volume of 1 GiB for n1/home
      4.3  n1: away -> running
      4.3  n1/home: away -> available
      4.3  ask: attach vol-024834aae089a4b93 of n1/home to i-0a46e80474f0518ba
      5.0  n1/home: available -> attaching
      8.3  n1/home: attaching -> attached
      9.0  ask: make ext4 on vol024834aae089a4b93 of n1/home
      9.4  ask: mark vol-024834aae089a4b93 of n1/home: content=data filesystem=ext4 ad8b6601-33f1-8f8c-acc2-21e9aaf307d3
      9.9  ask: mount n1/home at /mnt/home
     10.2  n1/home has data at write epoch 1
     10.2  n1/home: attached -> mounted
     10.2  -- reached
     10.2  a user writes to n1/home
     10.2  -- drive to away
     10.7  ask: unmount n1/home
     11.2  n1/home: mounted -> attached
     11.2  ask: detach vol-024834aae089a4b93 of n1/home from i-0a46e80474f0518ba
     11.9  n1/home: attached -> detaching
     17.9  n1/home: detaching -> available
     17.9  ask: mark vol-024834aae089a4b93 of n1/home: epoch=1 sealed
     18.4  ask: terminate i-0a46e80474f0518ba of n1
     18.9  ask: take a snapshot of vol-024834aae089a4b93 of n1/home
     19.3  n1: running -> shutting-down
     25.7  n1: shutting-down -> away
     40.3  ask: delete vol-024834aae089a4b93 of n1/home, kept by snap-063c653ece8c70e55
     40.8  n1/home: available -> deleting
     42.3  n1/home: deleting -> away
     42.3  -- reached
     42.3  -- calm
     42.3  -- drive to away
     42.7  -- reached
     42.7  -- drive to away
     43.3  -- reached
     43.3  -- drive to launched
     43.7  ask: run an instance for n1
     43.7  ask: make a volume of 1 GiB for n1/home from snap-063c653ece8c70e55
     47.4  n1: away -> pending
     47.4  n1/home: away -> available
     50.8  n1: pending -> running
     50.8  ask: attach vol-021abc3987b336942 of n1/home to i-098104b0ab78b60ef
     51.8  n1/home: available -> attaching
     57.9  n1/home: attaching -> attached
     58.1  ask: mount n1/home at /mnt/home
     58.4  n1/home has data at write epoch 2
     58.4  n1/home: attached -> mounted
     58.4  -- reached
     58.4  a user writes to n1/home
     58.4  -- drive to away
     58.9  ask: unmount n1/home
     59.4  n1/home: mounted -> attached
     59.4  ask: detach vol-021abc3987b336942 of n1/home from i-098104b0ab78b60ef
     60.1  n1/home: attached -> detaching
     63.4  n1/home: detaching -> available
     63.4  ask: mark vol-021abc3987b336942 of n1/home: epoch=2 sealed
     63.9  ask: terminate i-098104b0ab78b60ef of n1
     64.2  ask: take a snapshot of vol-021abc3987b336942 of n1/home
     64.7  n1: running -> shutting-down
     73.2  n1: shutting-down -> away
     80.4  ask: delete vol-021abc3987b336942 of n1/home, kept by snap-08940562a868c8d67
     81.1  n1/home: available -> deleting
     84.1  n1/home: deleting -> away
     84.1  -- reached
     84.1  -- drive to launched
     84.7  ask: run an instance for n1
     84.7  ask: make a volume of 1 GiB for n1/home from snap-08940562a868c8d67
     87.1  n1: away -> pending
     87.1  n1/home: away -> creating
     88.5  n1/home: creating -> available
     91.4  n1: pending -> running
     91.4  ask: attach vol-02440b87721194b01 of n1/home to i-08768d9f5c9f9abbe
     92.2  n1/home: available -> attaching
     93.6  n1/home: attaching -> attached
     95.0  ask: mount n1/home at /mnt/home
     95.4  n1/home has data at write epoch 3
     95.4  n1/home: attached -> mounted
     95.4  -- reached
