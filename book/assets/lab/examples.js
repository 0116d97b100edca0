// What the laboratory is given; written by book/tools/lab.py.
window.curriculumExamples = {
 "models": {
  "baseline_s0": "shuffled",
  "hybrid_s0": "hybrid",
  "sequential_s0": "sequential"
 },
 "levels": {
  "1.1": [
   [
    "d = 4\nb = 5\nc = 5\nd = 0\nb = d * d\nprint(c / 1)",
    "5.0"
   ],
   [
    "b = 6\ne = 4\nd = 8\ne = 0\nc = e - 2\nprint(c)",
    "-2"
   ],
   [
    "b = 1\na = 3\ne = a - b\nprint(e)",
    "2"
   ],
   [
    "e = 8\nb = 0\na = 8 - 8\nprint(a)",
    "0"
   ],
   [
    "c = 1\nc = c - 6\nprint(c * c)",
    "25"
   ],
   [
    "d = 6\nprint(d)",
    "6"
   ]
  ],
  "1.2": [
   [
    "c = 6\nprint(c)",
    "6"
   ],
   [
    "a = 6\nprint(a * a)",
    "36"
   ],
   [
    "d = 4\nb = 8\nprint(b * 4)",
    "32"
   ],
   [
    "b = 6\nprint(b)",
    "6"
   ],
   [
    "a = 6\nprint(a)",
    "6"
   ],
   [
    "c = 9\nc = 7\na = 6\na = 9\ne = 1\nb = 2\nc = (b - 5)*(e - e)-(7 / 5)/(9 * 6)\nprint(c)",
    "-0.025925925925925925"
   ]
  ],
  "2.1": [
   [
    "c = 0\nc = 1\nif c > 1 :\n\tprint(c)\nelse :\n\tprint(c)",
    "1"
   ],
   [
    "a = 2\nif not a > 3 :\n\tprint(a)\nelif a <= 2 :\n\tprint(a)\nelse :\n\tprint(a)",
    "2"
   ],
   [
    "c = 2\nif c == c :\n\tprint(c)\nelse :\n\tprint(c)",
    "2"
   ],
   [
    "c = 3\nc = 9\nd = 5\nif not c == 0 :\n\tprint(c)\nelif  d != c :\n\tprint(c)\nelse :\n\tprint(d)",
    "9"
   ],
   [
    "c = 1\na = 1\nd = 4\nif d < 8 :\n\tprint(c)",
    "1"
   ],
   [
    "d = 6\nif  d > 2 :\n\tprint(d)",
    "6"
   ]
  ],
  "2.2": [
   [
    "e = 4\nif not (e < e) :\n\tprint(e * 2)\nelse :\n\tprint(e + 2)",
    "8"
   ],
   [
    "d = 8\nd = 6\na = 8\na = 7\nb = 5\ne = 3\nb = e - d\nif not (d >= 1) :\n\tprint(b)\nelse :\n\tprint(b)",
    "-3"
   ],
   [
    "c = 7\na = 6\na = a * 8\nif not (c < a) :\n\tprint(a)\nelse :\n\tprint(a + c)",
    "55"
   ],
   [
    "b = 3\nc = 8\nb = 4\nc = c * 8\nif (c < 5) :\n\tprint(c)\nelse :\n\tprint(b + c)",
    "68"
   ],
   [
    "b = 9\nif (b > 7) :\n\tprint(b / b)\nelse :\n\tprint(b)",
    "1.0"
   ],
   [
    "e = 7\nd = 4\na = (4 * 9)*(9 / 3)\nif ( e > e) :\n\tprint(a)\nelse :\n\tprint(a)",
    "108.0"
   ]
  ],
  "3.1": [
   [
    "d = 8\nfor d in range(1, 4, 2) :\n\tprint(d)",
    "1\n3"
   ],
   [
    "d = 0\nd = 8\nfor d in range(3, 4, 2) :\n\tprint(d)",
    "3"
   ],
   [
    "b = 8\nd = 3\ne = 9\nfor d in range(6, 9) :\n\tprint(d)",
    "6\n7\n8"
   ],
   [
    "d = 8\nfor d in range(6, 7) :\n\tprint(d)",
    "6"
   ],
   [
    "b = 1\nfor b in range(2, 5, 2) :\n\tprint(b)",
    "2\n4"
   ],
   [
    "e = 4\nc = 4\nfor c in range(2, 5, 2) :\n\tprint(e)",
    "4\n4"
   ]
  ],
  "3.2": [
   [
    "d = 0\nfor d in range(9, 10, 2) :\n\tprint(d)",
    "9"
   ],
   [
    "b = 0\nc = 9\nd = 6\nd = 1\nc = 0\nc = 4\ne = (8 + 2)/(b + c)\nfor d in range(7, 8) :\n\tprint(e)",
    "2.5"
   ],
   [
    "c = 9\nd = 3\ne = 2\na = 0 - 3\nfor c in range(3, 6) :\n\tprint(d - d)",
    "0\n0\n0"
   ],
   [
    "c = 2\nc = 5 / c\nfor c in range(6, 7) :\n\tprint(c + c)",
    "12"
   ],
   [
    "d = 0\nfor d in range(7, 10, 2) :\n\tprint(d)",
    "7\n9"
   ],
   [
    "b = 3\nb = 6 - 5\nfor b in range(5, 8, 2) :\n\tprint(b)",
    "5\n7"
   ]
  ]
 }
};
window.curriculumSchedules = {
 "presets": {
  "baseline": [
   {
    "selections": [
     {
      "label": "easy",
      "share": 1.0,
      "end": "hardest"
     },
     {
      "label": "medium",
      "share": 1.0,
      "end": "hardest"
     },
     {
      "label": "hard",
      "share": 1.0,
      "end": "hardest"
     }
    ],
    "length": 1.0
   }
  ],
  "sequential": [
   {
    "selections": [
     {
      "label": "easy",
      "share": 1.0,
      "end": "hardest"
     }
    ],
    "length": 40.0
   },
   {
    "selections": [
     {
      "label": "medium",
      "share": 1.0,
      "end": "hardest"
     }
    ],
    "length": 40.0
   },
   {
    "selections": [
     {
      "label": "hard",
      "share": 1.0,
      "end": "hardest"
     }
    ],
    "length": 40.0
   }
  ],
  "incremental": [
   {
    "selections": [
     {
      "label": "easy",
      "share": 1.0,
      "end": "hardest"
     }
    ],
    "length": 25.0
   },
   {
    "selections": [
     {
      "label": "easy",
      "share": 1.0,
      "end": "hardest"
     },
     {
      "label": "medium",
      "share": 1.0,
      "end": "hardest"
     }
    ],
    "length": 30.0
   },
   {
    "selections": [
     {
      "label": "easy",
      "share": 1.0,
      "end": "hardest"
     },
     {
      "label": "medium",
      "share": 1.0,
      "end": "hardest"
     },
     {
      "label": "hard",
      "share": 1.0,
      "end": "hardest"
     }
    ],
    "length": 65.0
   }
  ],
  "hybrid": [
   {
    "selections": [
     {
      "label": "easy",
      "share": 1.0,
      "end": "hardest"
     }
    ],
    "length": 20.0
   },
   {
    "selections": [
     {
      "label": "easy",
      "share": 0.5,
      "end": "hardest"
     },
     {
      "label": "medium",
      "share": 1.0,
      "end": "hardest"
     }
    ],
    "length": 30.0
   },
   {
    "selections": [
     {
      "label": "easy",
      "share": 0.5,
      "end": "hardest"
     },
     {
      "label": "medium",
      "share": 0.5,
      "end": "hardest"
     },
     {
      "label": "hard",
      "share": 1.0,
      "end": "hardest"
     }
    ],
    "length": 70.0
   }
  ]
 },
 "ends": [
  "hardest",
  "easiest",
  "random"
 ],
 "scales": {
  "quick": {
   "steps": 700,
   "batch": 64,
   "counts": {
    "easy": 3795,
    "medium": 7716,
    "hard": 6554
   },
   "characters": {
    "easy": 44.61883047210301,
    "medium": 63.67728365384615,
    "hard": 90.00885193133047
   },
   "flops": 1491072.0
  },
  "study": {
   "steps": 8400,
   "batch": 32,
   "counts": {
    "easy": 38091,
    "medium": 71533,
    "hard": 70617
   },
   "characters": {
    "easy": 46.08705357142857,
    "medium": 65.01074776785714,
    "hard": 91.11620535714286
   },
   "flops": 7081200.0
  }
 },
 "colours": {
  "easy": "#B3A8DC",
  "medium": "#7D67C0",
  "hard": "#38206E"
 }
};
