A put-away is turned back while its snapshot is pending: the volume gets its next write epoch before it is attached again, and what was written counts.

      0.0  -- drive to launched
      0.5  ask: run an instance for n1
      0.5  ask: make a blank volume of 1 GiB for n1/home
      1.7  n1: away -> pending
      3.1  n1/home: away -> creating
      6.3  n1: pending -> running
      6.3  n1/home: creating -> available
      6.3  ask: attach vol-0b5c27855ab5a23dc of n1/home to i-04e32841fb9ab5057
      6.8  n1/home: available -> attaching
     10.2  n1/home: attaching -> attached
     10.9  ask: make ext4 on vol0b5c27855ab5a23dc of n1/home
     11.3  ask: mark vol-0b5c27855ab5a23dc of n1/home: content=data filesystem=ext4 77c6df3a-09fa-8161-b9c1-a009316b542e
     12.1  ask: mount n1/home at /mnt/home
     12.6  n1/home has data at write epoch 1
     12.6  n1/home: attached -> mounted
     12.6  -- reached
     12.6  a user writes to n1/home
     12.6  -- drive to away
     13.2  ask: unmount n1/home
     13.5  n1/home: mounted -> attached
     13.5  ask: detach vol-0b5c27855ab5a23dc of n1/home from i-04e32841fb9ab5057
     14.2  n1/home: attached -> detaching
     15.5  n1/home: detaching -> available
     15.5  ask: mark vol-0b5c27855ab5a23dc of n1/home: epoch=1 sealed
     16.2  ask: terminate i-04e32841fb9ab5057 of n1
     16.7  n1: running -> shutting-down
     16.7  ask: take a snapshot of vol-0b5c27855ab5a23dc of n1/home
     20.1  -- the operator is gone
     20.1  -- drive to launched
     20.4  ask: run an instance for n1
     22.5  n1: away -> pending
     28.2  n1: pending -> running
     28.2  ask: mark vol-0b5c27855ab5a23dc of n1/home: epoch=2 live generation=2
     29.1  ask: attach vol-0b5c27855ab5a23dc of n1/home to i-042176a21a0b66f67
     29.7  n1/home: available -> attaching
     34.3  n1/home: attaching -> attached
     35.1  ask: mount n1/home at /mnt/home
     35.4  n1/home has data at write epoch 2
     35.4  n1/home: attached -> mounted
     35.4  -- reached
     35.4  a user writes to n1/home
     35.4  -- calm
     35.4  -- drive to launched
     36.3  -- reached
     36.3  -- drive to launched
     37.1  -- reached
     37.1  -- drive to launched
     37.7  -- reached
     37.7  a user writes to n1/home
     37.7  -- drive to away
     38.5  ask: unmount n1/home
     38.7  n1/home: mounted -> attached
     38.7  ask: detach vol-0b5c27855ab5a23dc of n1/home from i-042176a21a0b66f67
     39.5  n1/home: attached -> detaching
     42.7  n1/home: detaching -> available
     42.7  ask: mark vol-0b5c27855ab5a23dc of n1/home: epoch=2 sealed
     43.3  ask: terminate i-042176a21a0b66f67 of n1
     43.8  n1: running -> shutting-down
     43.8  ask: take a snapshot of vol-0b5c27855ab5a23dc of n1/home
     47.4  n1: shutting-down -> away
     54.0  ask: delete vol-0b5c27855ab5a23dc of n1/home, kept by snap-0d5c806f023785223
     54.6  n1/home: available -> deleting
     56.1  n1/home: deleting -> away
     56.1  -- reached
     56.1  -- drive to launched
     56.5  ask: run an instance for n1
     56.5  ask: make a volume of 1 GiB for n1/home from snap-0d5c806f023785223
     57.8  n1: away -> pending
     57.8  n1/home: away -> creating
     60.9  n1: pending -> running
     60.9  n1/home: creating -> available
     60.9  ask: attach vol-0257d7cd75837e329 of n1/home to i-04223927b329ce5bd
     61.4  n1/home: available -> attaching
     64.3  n1/home: attaching -> attached
     67.5  ask: mount n1/home at /mnt/home
     67.9  n1/home has data at write epoch 3
     67.9  n1/home: attached -> mounted
     67.9  -- reached
