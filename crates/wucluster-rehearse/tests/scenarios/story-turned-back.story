A put-away is turned back while its snapshot is pending: the volume gets its next write epoch before it is attached again, and what was written counts.

      0.0  -- drive to launched
      0.5  ask: run an instance for n1
      0.5  ask: make a blank volume of 1 GiB for n1/home
      1.7  n1: away -> pending
      3.1  n1/home: away -> creating
      5.8  n1: pending -> running
      5.8  n1/home: creating -> available
      5.8  ask: attach vol-0b5c27855ab5a23dc of n1/home to i-04e32841fb9ab5057
      6.3  n1/home: available -> attaching
      9.2  n1/home: attaching -> attached
      9.9  ask: make ext4 on vol0b5c27855ab5a23dc of n1/home
     10.3  ask: mark vol-0b5c27855ab5a23dc of n1/home: content=data filesystem=ext4 own
     11.1  ask: mount n1/home at /mnt/home
     11.6  n1/home has data at write epoch 1
     11.6  n1/home: attached -> mounted
     11.6  -- reached
     11.6  a user writes to n1/home
     11.6  -- drive to away
     12.2  ask: unmount n1/home
     12.5  n1/home: mounted -> attached
     12.5  ask: detach vol-0b5c27855ab5a23dc of n1/home from i-04e32841fb9ab5057
     13.2  n1/home: attached -> detaching
     14.5  n1/home: detaching -> available
     14.5  ask: mark vol-0b5c27855ab5a23dc of n1/home: epoch=1 sealed
     15.2  ask: terminate i-04e32841fb9ab5057 of n1
     15.7  n1: running -> shutting-down
     15.7  ask: take a snapshot of vol-0b5c27855ab5a23dc of n1/home
     18.2  n1: shutting-down -> away
     19.1  -- the operator is gone
     19.1  -- drive to launched
     19.5  ask: run an instance for n1
     21.6  n1: away -> pending
     27.3  n1: pending -> running
     27.3  ask: mark vol-0b5c27855ab5a23dc of n1/home: epoch=2 live generation=2
     28.0  ask: attach vol-0b5c27855ab5a23dc of n1/home to i-042176a21a0b66f67
     28.6  n1/home: available -> attaching
     33.1  n1/home: attaching -> attached
     33.8  ask: mount n1/home at /mnt/home
     34.1  n1/home has data at write epoch 2
     34.1  n1/home: attached -> mounted
     34.1  -- reached
     34.1  a user writes to n1/home
     34.1  -- calm
     34.1  -- drive to launched
     34.8  -- reached
     34.8  -- drive to launched
     35.6  -- reached
     35.6  -- drive to launched
     36.1  -- reached
     36.1  a user writes to n1/home
     36.1  -- drive to away
     36.9  ask: unmount n1/home
     37.2  n1/home: mounted -> attached
     37.2  ask: detach vol-0b5c27855ab5a23dc of n1/home from i-042176a21a0b66f67
     37.9  n1/home: attached -> detaching
     42.1  n1/home: detaching -> available
     42.1  ask: mark vol-0b5c27855ab5a23dc of n1/home: epoch=2 sealed
     42.6  ask: terminate i-042176a21a0b66f67 of n1
     42.9  n1: running -> shutting-down
     42.9  ask: take a snapshot of vol-0b5c27855ab5a23dc of n1/home
     46.6  n1: shutting-down -> away
     51.6  ask: delete vol-0b5c27855ab5a23dc of n1/home, kept by snap-0d5c806f023785223
     52.4  n1/home: available -> deleting
     53.9  n1/home: deleting -> away
     53.9  -- reached
     53.9  -- drive to launched
     54.5  ask: run an instance for n1
     54.5  ask: make a volume of 1 GiB for n1/home from snap-0d5c806f023785223
     55.8  n1: away -> pending
     55.8  n1/home: away -> creating
     58.6  n1: pending -> running
     58.6  n1/home: creating -> available
     58.6  ask: attach vol-0257d7cd75837e329 of n1/home to i-04223927b329ce5bd
     59.3  n1/home: available -> attaching
     62.0  n1/home: attaching -> attached
     65.6  ask: mount n1/home at /mnt/home
     66.0  n1/home has data at write epoch 3
     66.0  n1/home: attached -> mounted
     66.0  -- reached
