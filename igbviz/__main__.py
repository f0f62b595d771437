from igbviz.cli import main

raise SystemExit(main())
