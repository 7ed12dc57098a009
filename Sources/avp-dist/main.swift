import Commands

runTool()
